"""A recipe: every key, every mistake, and what becomes of a chain of recipes."""

from collections.abc import Callable

import pytest

from nosh.recipes import load
from nosh.recipes.recipe import Directory, Link, Part, Recipe, Selected, Settings, TextFile, Upstream
from nosh.values import digest
from nosh.values.account import Group, User
from nosh.values.errors import Error, InputError, NotFoundError

A = digest.of(b"a")
B = digest.of(b"b")

EVERYTHING = f"""
name = "every-thing.1"
summary = "all keys"
extends = "base-debian12"
releases = ["debian13", "debian12"]
architectures = ["amd64"]
hidden = true
user = "1:2"
workdir = "/srv"
entrypoint = ["/bin/a", "b"]
cmd = ["c"]
stop-signal = "SIGQUIT"
certificates = "ca-certificates"
os-release = true
cut = ["/usr/share/**"]
keep = ["/usr/share/doc/*/copyright"]
packages = ["libpq5", "ca-certificates"]

[partial]
tzdata = ["/usr/share/zoneinfo/UTC"]

[env]
A = "1"

[labels]
"org.example" = "x"

[[account]]
name = "app"
uid = 7

[[account]]
name = "other"
uid = 8
gid = 9
home = "/home/other"
home-mode = "0750"

[[group]]
name = "app"
gid = 7

[[directory]]
path = "/var/cache/app"

[[directory]]
path = "/tmp"
mode = "1777"
uid = 1
gid = 2

[[link]]
path = "/bin/a"
target = "../b"

[[file]]
path = "/etc/app.conf"
content = "x = 1"

[[file]]
path = "/etc/run"
mode = "0755"

[[part]]
package = "busybox-static"
release = "debian13"
file = "/usr/bin/busybox"
path = "/busybox/busybox"
applets = ["sh", "[["]

[[upstream]]
kind = "node"
name = "node"
version = "1.2.3"
date = "2026-03-24"
[upstream.files]
"bin/node" = "/nodejs/bin/node"
[upstream.digests.amd64]
"bin/node" = "{A}"
[upstream.digests.arm64]
"bin/node" = "{B}"

[variants.debug]
user = "0"
packages = ["strace"]
env.PATH = "${{PATH}}:/more"
"""


def read(text: str, place: str = "my.toml") -> Recipe:
    return load.read(place, text)


def test_every_key_arrives() -> None:
    recipe = read(EVERYTHING)
    assert (recipe.name, recipe.summary, recipe.place) == ("every-thing.1", "all keys", "my.toml")
    assert (recipe.extends, recipe.releases, recipe.architectures) == (
        "base-debian12",
        ("debian13", "debian12"),
        ("amd64",),
    )
    assert recipe.hidden
    assert recipe.packages == {"": ("libpq5", "ca-certificates")}
    assert recipe.settings == Settings(
        "1:2", "/srv", ("/bin/a", "b"), ("c",), "SIGQUIT", {"A": "1"}, {"org.example": "x"}
    )
    level = recipe.level
    assert (level.certificates, level.identity, level.empty) == ("ca-certificates", True, False)
    assert (level.cut, level.keep) == (("usr/share/**",), ("usr/share/doc/*/copyright",))
    assert level.partial == {"tzdata": ("usr/share/zoneinfo/UTC",)}
    assert level.users == (User("app", 7, 7, "/nonexistent", 0), User("other", 8, 9, "/home/other", 0o750))
    assert level.groups == (Group("app", 7),)
    assert level.directories == (Directory("var/cache/app", 0o755), Directory("tmp", 0o1777, 1, 2))
    assert level.links == (Link("bin/a", "../b"),)
    assert level.files == (TextFile("etc/app.conf", "x = 1"), TextFile("etc/run", "", 0o755))
    assert level.parts == (Part("busybox-static", "debian13", "usr/bin/busybox", "busybox/busybox", ("sh", "[[")),)
    node = "bin/node"
    assert level.upstream == (
        Upstream(
            "node", "node", "1.2.3", 1_774_310_400, {node: "nodejs/bin/node"}, {"amd64": {node: A}, "arm64": {node: B}}
        ),
    )
    debug, settings = recipe.variants["debug"]
    assert (debug.name, debug.packages, settings.user) == ("every-thing.1:debug", ("strace",), "0")


def test_a_recipe_may_be_two_lines() -> None:
    recipe = read('name = "pq"\nextends = "base"\n')
    assert recipe.level.empty
    assert recipe.settings == Settings()
    assert (len(recipe.packages), len(recipe.variants)) == (0, 0)


UPSTREAM = f"""
name = "x"
[[upstream]]
kind = "node"
name = "node"
version = "1"
date = "2026-01-01"
files.a = "/a"
digests.amd64.a = "{A}"
"""


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        pytest.param("", ["1:1: name is missing"], id="no name"),
        pytest.param(
            'name = "Big"', ["1:1: name 'Big' may have lower-case letters, digits, dots and dashes only"], id="a name"
        ),
        pytest.param(
            'name = "x"\nzebra = 1\nextend = "base"\n',
            ["2:1: unknown key zebra", "3:1: unknown key extend (did you mean extends?)"],
            id="unknown keys",
        ),
        pytest.param(
            'name = "x"\n[packages]\ndebian12 = "libc6"',
            ["3:1: debian12 has to be an array of strings"],
            id="packages that are no array",
        ),
        pytest.param('name = "x"\npackages = 1', ["2:1: packages has to be a table"], id="packages that are nothing"),
        pytest.param(
            'name = "x"\ncut = ["usr/share"]\nkeep = ["*"]\n[partial]\na = ["b"]',
            [
                "2:1: cut pattern 'usr/share' has to start with /",
                "3:1: keep pattern '*' has to start with /",
                "5:1: a pattern 'b' has to start with /",
            ],
            id="patterns without a slash",
        ),
        pytest.param(
            'name = "x"\n[[directory]]\npath = "/a/../b"\n[[file]]\npath = "a"\n[[link]]\npath = "/a/"\ntarget = "b"\n'
            '[[part]]\npackage = "p"\nfile = "/"\npath = "/a//b"\n[[directory]]\npath = "/a/./b"',
            [
                "3:1: path '/a/../b' has to be a plain absolute path",
                "5:1: path 'a' has to be a plain absolute path",
                "7:1: path '/a/' has to be a plain absolute path",
                "11:1: file '/' has to be a plain absolute path",
                "12:1: path '/a//b' has to be a plain absolute path",
                "14:1: path '/a/./b' has to be a plain absolute path",
            ],
            id="paths that are not plain",
        ),
        pytest.param(
            'name = "x"\n[[directory]]\n[[file]]\n[[link]]\n[[part]]\n',
            [
                "2:1: path is missing",
                "3:1: path is missing",
                "4:1: path is missing",
                "4:1: target is missing",
                "5:1: file is missing",
                "5:1: package is missing",
                "5:1: path is missing",
            ],
            id="what has to be there",
        ),
        pytest.param(
            'name = "x"\n[[directory]]\npath = "/a"\nmode = "rwx"\n[[file]]\npath = "/b"\nmode = 420',
            ['4:1: mode has to be permission bits like "0755"', "7:1: mode has to be a string"],
            id="modes",
        ),
        pytest.param(
            'name = "x"\n[[part]]\npackage = "p"\nfile = "/a"\npath = "/b"\napplets = ["ls", "../sh"]',
            ["6:1: applet '../sh' has to be a plain name"],
            id="an applet that climbs out",
        ),
        pytest.param(
            'name = "x"\n[[account]]\nname = "a:b"\nuid = 1\nhome = "home"\n[[group]]\nname = "g\\nroot"',
            [
                "3:1: name 'a:b' may have letters, digits, dots and dashes only",
                "5:1: home 'home' has to be a plain absolute path",
                "6:1: gid is missing",
                "7:1: name 'g\\nroot' may have letters, digits, dots and dashes only",
            ],
            id="accounts",
        ),
        pytest.param(
            'name = "x"\n[[account]]\n[[group]]',
            ["2:1: name is missing", "2:1: uid is missing", "3:1: gid is missing", "3:1: name is missing"],
            id="accounts without anything",
        ),
        pytest.param(
            'name = "x"\n[variants.slim]\nuser = "0"\n[variants.debug]\nusr = "0"',
            [
                "2:1: unknown variant slim (one of debug, debug-root, nonroot, root)",
                "5:1: unknown key usr (did you mean user?)",
            ],
            id="variants",
        ),
        pytest.param('name = "x"\nvariants.debug = 1', ["2:1: debug has to be a table"], id="a variant of no kind"),
        pytest.param(
            'name = "x"\ncertificates = "ca-certificates"\npackages = ["libc6"]',
            ["2:1: certificates names ca-certificates, which is not among the packages of this page"],
            id="certificates of a package that is not there",
        ),
        pytest.param(
            'name = "x"\ncertificates = "c"\npackages = { debian12 = ["c"], debian13 = ["d"] }',
            ["2:1: certificates names c, which is not among the packages of this page"],
            id="certificates of a package that one release lacks",
        ),
        pytest.param(
            UPSTREAM.replace('"node"', '"nodes"', 1),
            ["4:1: unknown upstream kind nodes (did you mean node?)"],
            id="an upstream of an unknown kind",
        ),
        pytest.param(
            UPSTREAM.replace("2026-01-01", "1.1.2026"),
            ["7:1: date '1.1.2026' has to be like 2026-11-30"],
            id="a date as others write it",
        ),
        pytest.param(
            UPSTREAM.replace("2026-01-01", "2026-13-01"),
            ["7:1: date '2026-13-01' has to be like 2026-11-30"],
            id="a date that there is not",
        ),
        pytest.param(
            UPSTREAM.replace('"2026-01-01"', "2026-01-01"), ["7:1: date has to be a string"], id="a date without quotes"
        ),
        pytest.param(
            UPSTREAM.replace(A, "sha256:abc"),
            ["9:1: cannot read digest: 'sha256:abc' is not sha256:<64 hex digits>"],
            id="a digest",
        ),
        pytest.param(
            UPSTREAM.replace("amd64.a", "amd64.b"),
            ["9:1: digests.amd64 lacks a"],
            id="a file without a digest",
        ),
        pytest.param(
            UPSTREAM.replace('"/a"', '"/../a"'),
            ["8:1: a '/../a' has to be a plain absolute path"],
            id="a place that climbs out",
        ),
        pytest.param(
            'name = "x"\n[[upstream]]\n',
            [
                "2:1: date is missing",
                "2:1: files is missing, or empty",
                "2:1: kind is missing",
                "2:1: name is missing",
                "2:1: version is missing",
            ],
            id="an upstream without anything",
        ),
    ],
)
def test_mistakes(text: str, messages: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert caught.value.message.splitlines() == [f"my.toml:{message}" for message in messages]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("static", ("static", "")),
        ("cc-debian12", ("cc", "debian12")),
        ("base-nossl-debian13", ("base-nossl", "debian13")),
        ("base-nossl", ("base-nossl", "")),
        ("tool-ubuntu24.04", ("tool", "ubuntu24.04")),
        ("tool-wolfi", ("tool", "wolfi")),
        ("debian12", ("debian12", "")),
    ],
)
def test_a_name_has_a_family_and_perhaps_a_release(name: str, parts: tuple[str, str]) -> None:
    assert load.split(name) == parts


LOW = """
name = "low"
summary = "the lowest"
releases = ["debian13", "debian12"]
architectures = ["amd64", "arm64"]
user = "0"
workdir = "/"
packages = { debian12 = ["old"], debian13 = ["new"] }
env = { PATH = "/bin", A = "low" }
labels = { a = "low", b = "low" }
[variants.nonroot]
user = "65532"
[variants.debug]
user = "65532"
entrypoint = ["/sh"]
env.PATH = "${PATH}:/low"
files = []
"""
MIDDLE = """
name = "middle"
extends = "low"
entrypoint = ["/middle"]
cmd = ["c"]
packages = ["everywhere"]
env = { PATH = "/more:${PATH}", B = "${A}" }
labels = { b = "middle" }
[variants.debug]
entrypoint = ["/middle"]
env.PATH = "${PATH}:/middle"
packages = ["middle-debug"]
"""
TOP = """
name = "top"
extends = "middle-debian12"
workdir = "/top"
cmd = []
stop-signal = "SIGINT"
[variants.root]
user = "0"
[variants.debug-root]
workdir = "/debug-root"
"""


def library(*texts: str) -> Callable[[str], Recipe]:
    recipes = [read(text, f"{number}.toml") for number, text in enumerate(texts)]
    return {recipe.name: recipe for recipe in recipes}.__getitem__


FIND = library(LOW.replace("files = []\n", ""), MIDDLE, TOP)


def selected(name: str, release: str = "", variant: str = "nonroot") -> Selected:
    return load.select(FIND(name), FIND, release=release, variant=variant)


def test_a_chain_is_laid_from_the_lowest() -> None:
    found = selected("top")
    assert [level.name for level in found.levels] == ["low", "middle", "top"]
    assert [level.packages for level in found.levels] == [("old",), ("everywhere",), ()]
    assert (found.name, found.release, found.variant) == ("top", "debian12", "nonroot")
    assert found.architectures == ("amd64", "arm64")
    assert load.chain_value(FIND("top"), FIND, lambda page: page.releases) == ("debian13", "debian12")


@pytest.mark.parametrize(
    ("name", "wanted", "release"),
    [
        pytest.param("low", "", "debian13", id="the first is the default"),
        pytest.param("middle", "", "debian13", id="also of the recipe below"),
        pytest.param("top", "", "debian12", id="what extends says"),
        pytest.param("top", "debian13", "debian13", id="what is asked for"),
    ],
)
def test_a_release_is_chosen(name: str, wanted: str, release: str) -> None:
    found = selected(name, wanted)
    assert found.release == release
    assert found.levels[0].packages == (("old",) if release == "debian12" else ("new",))


@pytest.mark.parametrize(
    ("variant", "settings", "levels"),
    [
        pytest.param(
            "nonroot",
            Settings("65532", "/top", ("/middle",), (), "SIGINT", {"PATH": "/more:/bin"}),
            (),
            id="nonroot",
        ),
        pytest.param(
            "root",
            Settings("0", "/top", ("/middle",), (), "SIGINT", {"PATH": "/more:/bin"}),
            (),
            id="root",
        ),
        pytest.param(
            "debug",
            Settings("65532", "/top", ("/middle",), (), "SIGINT", {"PATH": "/more:/bin:/low:/middle"}),
            ("middle:debug",),
            id="debug",
        ),
        pytest.param(
            "debug-root",
            Settings("0", "/debug-root", ("/middle",), (), "SIGINT", {"PATH": "/more:/bin:/low:/middle"}),
            ("middle:debug",),
            id="debug-root is both, and what it says itself",
        ),
    ],
)
def test_settings_are_merged(variant: str, settings: Settings, levels: tuple[str, ...]) -> None:
    found = selected("top", variant=variant)
    expected = {**settings.env, "A": "low", "B": "${A}"}
    assert dict(found.settings.env) == expected
    assert dict(found.settings.labels) == {"a": "low", "b": "middle"}
    assert tuple(level.name for level in found.levels[3:]) == levels
    for name in ("user", "workdir", "entrypoint", "cmd", "stop_signal"):
        assert getattr(found.settings, name) == getattr(settings, name), name


def test_variables_keep_the_order_in_which_they_were_first_set() -> None:
    assert list(selected("top").settings.env) == ["PATH", "A", "B"]


def test_a_variable_that_nobody_set_below_is_empty_in_its_own_value() -> None:
    find = library('name = "x"\nreleases = ["debian13"]\nenv.NEW = "a${NEW}b"\n')
    assert load.select(find("x"), find, release="", variant="root").settings.env == {"NEW": "ab"}


@pytest.mark.parametrize(
    ("texts", "release", "variant", "kind", "message", "hint"),
    [
        pytest.param((LOW,), "debian11", "root", InputError, "cannot build low for debian11", "debian13, debian12"),
        pytest.param((LOW,), "", "slim", NotFoundError, "variant 'slim'", "one of debug, debug-root, nonroot, root"),
        pytest.param((LOW,), "", "nonrot", NotFoundError, "variant 'nonrot'", "did you mean nonroot"),
        pytest.param(
            ('name = "low"\nextends = "b"', 'name = "b"\nextends = "c"', 'name = "c"\nextends = "b"'),
            "",
            "root",
            InputError,
            "0.toml: extends goes round: low -> b -> c -> b",
            "",
            id="round",
        ),
        pytest.param(
            ('name = "low"\nextends = "low-debian12"',),
            "",
            "root",
            InputError,
            "0.toml: extends goes round: low -> low",
            "",
            id="round at once",
        ),
        pytest.param(
            ('name = "low"',), "", "root", InputError, "cannot build low for no release", "name `releases`", id="none"
        ),
        pytest.param(
            ('name = "low"\nextends = "b"\npackages.debian12 = ["x"]', 'name = "b"\nreleases = ["debian13"]'),
            "",
            "root",
            InputError,
            "0.toml: cannot build low for debian13: no packages are listed for it",
            "",
            id="packages of another release only",
        ),
    ],
)
def test_what_cannot_be_selected(
    texts: tuple[str, ...], release: str, variant: str, kind: type[Error], message: str, hint: str
) -> None:
    find = library(*(text.replace("files = []\n", "") for text in texts))
    with pytest.raises(kind) as caught:
        load.select(find("low"), find, release=release, variant=variant)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_recipe_may_have_the_name_of_the_one_that_it_extends() -> None:
    mine = read('name = "low"\nextends = "low"\npackages = ["mine"]\n')
    found = load.select(mine, FIND, release="", variant="root")
    assert [level.packages for level in found.levels] == [("new",), ("mine",)]
