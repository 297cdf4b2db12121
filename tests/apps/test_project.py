"""An app's folder: what its settings say, which of its files go into the image, and which never do."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.apps.conftest import Make

from nosh.apps import project
from nosh.apps.project import File, Project, Wishes
from nosh.values.errors import InputError

KEY = "-----BEGIN PRIVATE KEY-----\n"


def paths(found: Project) -> list[str]:
    return [file.path for file in project.files(found)]


def test_every_setting_arrives() -> None:
    text = """
[app]
name = "shop"
base = "nodejs22"
command = ["server.js", "--port", "1"]
workdir = "/srv/shop"
user = "1000"
env = { A = "1" }
labels = { "org.example" = "x" }
ports = [1, 65535]
exclude = ["docs"]
allow-secrets = [".env", "./keys/test.pem"]
"""
    assert project.read_wishes("nosh.toml", text) == Wishes(
        name="shop",
        base="nodejs22",
        command=("server.js", "--port", "1"),
        workdir="/srv/shop",
        user="1000",
        env={"A": "1"},
        labels={"org.example": "x"},
        ports=(1, 65535),
        exclude=("docs",),
        allow=(".env", "keys/test.pem"),
    )


@pytest.mark.parametrize(("base", "below"), [("my.toml", True), ("../my.toml", True), ("nodejs22", False), ("", False)])
def test_a_recipe_as_base_is_named_from_the_app_s_folder(make: Make, base: str, below: bool) -> None:  # noqa: FBT001
    app = make({"nosh.toml": f'[app]\nbase = "{base}"\n'})
    assert app.wishes.base == (str(app.folder / base) if below else base)


def test_without_settings_nothing_is_wished(make: Make) -> None:
    assert make({"a": ""}).wishes == Wishes()
    assert project.read_wishes("nosh.toml", "") == project.read_wishes("nosh.toml", "[app]\n") == Wishes()


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("[ap]\n", ["1:1: unknown key ap (did you mean app?)"]),
        ("name = 'x'\n", ["1:1: unknown key name"]),
        ("app = 1\n", ["1:1: app has to be a table"]),
        ("[app]\nport = 1\n", ["2:1: unknown key port (did you mean ports?)"]),
        ("[app]\nname = 1\nbase = 2\nuser = 3\n", [f"{n}:1: {key} has to be a string" for n, key in enumerate(("name", "base", "user"), 2)]),
        ("[app]\ncommand = 'node server.js'\n", ["2:1: command has to be an array of strings"]),
        ("[app]\nports = ['80']\n", ["2:1: ports has to be an array of whole numbers"]),
        ("[app]\nports = [0, 80, 65536]\n", ["2:1: port 0 is not between 1 and 65535", "2:1: port 65536 is not between 1 and 65535"]),
        ("[app]\nexclude = 'a'\n", ["2:1: exclude has to be an array of strings"]),
        ("[app]\nallow-secrets = true\n", ["2:1: allow-secrets has to be an array of strings"]),
        ("[app.env]\nA = 1\n", ["2:1: A has to be a string"]),
        ("[app]\nlabels = { a = 1 }\n", ["2:1: a has to be a string"]),
        *(
            (f"[app]\nworkdir = '{path}'\n", [f"2:1: workdir '{path}' has to be a plain absolute path, and not / itself"])
            for path in ("app", "/", "/a/", "/a/../b", "/a//b", "./a")
        ),
    ],
)  # fmt: skip
def test_mistakes_in_settings(text: str, messages: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        project.read_wishes("nosh.toml", text)
    assert caught.value.message.splitlines() == [f"nosh.toml:{message}" for message in messages]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder"):
        project.open_project(tmp_path / "none")


def test_settings_that_are_no_text(make: Make) -> None:
    app = make({"a": ""})
    app.path("nosh.toml").write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"cannot read .*nosh\.toml"):
        project.open_project(app.folder)


def test_files_come_in_the_order_of_their_bytes_with_what_matters_of_them(make: Make) -> None:
    app = make({"b": "12", "a/c": "", "a.js": "", "B": "", "ä": "", "a-b": "", "link": "-> a/c", "a/back": "-> ../b"})
    app.path("b").chmod(0o700)
    app.path("a.js").chmod(0o600)
    assert project.files(app) == (
        File("B", 0, executable=False),
        File("a-b", 0, executable=False),
        File("a.js", 0, executable=False),
        File("a/back", 0, executable=False, target="../b"),
        File("a/c", 0, executable=False),
        File("b", 2, executable=True),
        File("link", 0, executable=False, target="a/c"),
        File("ä", 0, executable=False),
    )
    assert app.name == "My App"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        pytest.param(
            {
                "a.js": "", ".git/config": "", "sub/.git/config": "", ".hg/x": "", ".svn/x": "", ".DS_Store": "",
                "sub/.DS_Store": "", "node_modules/a/b.js": "", "sub/node_modules/c.js": "", ".dockerignore": "",
                "Dockerfile": "", "Dockerfile.dev": "", "nosh.toml": "", "nosh.lock": "",
            },
            ["a.js"],
            id="what is never part of an app",
        ),
        pytest.param(
            {"sub/Dockerfile": "", "sub/nosh.toml": "", "my.git/x": "", ".gitignore": "", "node_modules.txt": ""},
            [".gitignore", "my.git/x", "node_modules.txt", "sub/Dockerfile", "sub/nosh.toml"],
            id="what only looks like it",
        ),
        pytest.param(
            {".dockerignore": "docs\n*.md\n!README.md\n", "docs/a": "", "a.md": "", "README.md": "", "b": ""},
            ["README.md", "b"],
            id="what .dockerignore leaves out",
        ),
        pytest.param(
            {".dockerignore": "!node_modules\n!.git\n", "node_modules/a": "", ".git/a": "", "b": ""},
            ["b"],
            id="what is never part of an app cannot be taken back",
        ),
        pytest.param(
            {"nosh.toml": "[app]\nexclude = ['test', '*.ts']\n", "test/a.js": "", "a.ts": "", "a.js": ""},
            ["a.js"],
            id="what nosh.toml leaves out",
        ),
        pytest.param(
            {".dockerignore": "a\n", "nosh.toml": "[app]\nexclude = ['!a']\n", "a": "", "b": ""},
            ["a", "b"],
            id="nosh.toml comes after .dockerignore",
        ),
        pytest.param({".dockerignore": "keys\n", "keys/key.pem": KEY, "a": ""}, ["a"], id="secrets that are left out"),
        pytest.param({".dockerignore": "out\n", "out": "-> /etc/passwd", "a": ""}, ["a"], id="links that are left out"),
    ],
)  # fmt: skip
def test_what_is_ignored(make: Make, files: dict[str, str], found: list[str]) -> None:
    assert paths(make(files)) == found


@pytest.mark.parametrize(
    ("place", "target", "leaves"),
    [
        ("a", "b", False),
        ("a", "b/../c", False),
        ("sub/a", "../b", False),
        ("sub/deep/a", "../../b/c", False),
        ("a", "nothing/of/that/name", False),
        ("a", "..b", False),
        ("a", "..", True),
        ("a", "../b", True),
        ("sub/a", "../../b", True),
        ("a", "b/../../c", True),
        ("a", "/etc/passwd", True),
        ("a", "/", True),
    ],
)
def test_links_stay_inside_or_are_refused(make: Make, place: str, target: str, leaves: bool) -> None:  # noqa: FBT001
    app = make({place: f"-> {target}"})
    if not leaves:
        assert project.files(app) == (File(place, 0, executable=False, target=target),)
        return
    with pytest.raises(InputError, match=f"cannot put link {place} into an image: it leads to {target}") as caught:
        project.files(app)
    assert ".dockerignore" in caught.value.hint


def test_a_link_to_a_folder_is_not_walked_through(make: Make) -> None:
    assert paths(make({"real/a": "", "link": "-> real", "round": "-> ."})) == ["link", "real/a", "round"]


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_special_files_are_refused_unless_they_are_ignored(make: Make, kind: str) -> None:
    app = make({"a": ""})
    if kind == "pipe":
        os.mkfifo(app.path("special"))
    else:
        with socket.socket(socket.AF_UNIX) as made:
            before = Path.cwd()
            os.chdir(app.folder)
            made.bind("special")
            os.chdir(before)
    with pytest.raises(InputError, match="cannot put special into an image: it is neither file, folder nor link"):
        project.files(app)
    app.path(".dockerignore").write_text("special\n")
    assert paths(app) == ["a"]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        (".env", "A=1", "a file of environment secrets"),
        ("config/.env.production", "A=1", "a file of environment secrets"),
        ("id_rsa", "", "a private SSH key"),
        (".ssh/id_ed25519", "", "a private SSH key"),
        (".netrc", "", "a file of passwords"),
        ("store.p12", "", "a key store"),
        ("notes.txt", "x\n" + KEY, "a private key"),
        (".aws/credentials", "[default]\naws_secret_access_key = abc\n", "an AWS secret key"),
        (".npmrc", "//registry/:_authToken=abc\n", "npm's settings with a token in them"),
    ],
)
def test_secrets_are_refused_unless_they_are_allowed_by_name(make: Make, name: str, text: str, reason: str) -> None:
    app = make({name: text, "a": ""})
    with pytest.raises(InputError) as caught:
        project.files(app)
    assert caught.value.message.splitlines() == ["cannot put secrets into an image:", f"  {name}: {reason}"]
    assert "--allow-secret" in caught.value.hint
    assert "abc" not in str(caught.value)
    allowed = Project(app.folder, Wishes(allow=(name,)))
    assert name in paths(allowed)


def test_all_secrets_are_named_at_once(make: Make) -> None:
    app = make({"b.pem": KEY, ".env": "", "a/id_rsa": "", "fine.js": ""})
    with pytest.raises(InputError) as caught:
        project.files(app)
    assert [line.split(":")[0].strip() for line in caught.value.message.splitlines()[1:]] == [
        ".env",
        "a/id_rsa",
        "b.pem",
    ]


def test_what_only_looks_like_a_secret_is_fine(make: Make) -> None:
    files = {
        ".env.example": "A=",
        ".npmrc": "//r/:_authToken=${TOKEN}\n",
        "cert.pem": "-----BEGIN CERTIFICATE-----",
        "env": "",
    }
    assert paths(make(files)) == sorted(files)


def test_names_that_are_no_text_are_kept_as_they_are(make: Make) -> None:
    app = make({"a": ""})
    (Path(os.fsdecode(os.fsencode(app.folder) + b"/\xff"))).write_text("")
    assert [os.fsencode(path) for path in paths(app)] == [b"a", b"\xff"]


NAMES = st.text("ab.-_Ä", min_size=1, max_size=4).filter(lambda name: name not in {".", ".."})


@given(names=st.sets(NAMES, min_size=1, max_size=8))
def test_the_order_does_not_depend_on_the_disk(tmp_path_factory: pytest.TempPathFactory, names: set[str]) -> None:
    orders = []
    for made in (sorted(names), sorted(names, reverse=True)):
        folder = tmp_path_factory.mktemp("app")
        for name in made:
            (folder / name).write_text("")
        orders.append(paths(Project(folder, Wishes())))
    assert orders[0] == orders[1] == sorted(names, key=str.encode)
