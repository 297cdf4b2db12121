"""Wrong input: what is wrong, where, and what to do about it; an exit code that scripts can rely on; no traceback."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.end_to_end.conftest import EXAMPLE, Finished, Nosh, start
from tests.simulators import elf_maker

from nosh.values.binary import Binary


def bare(tmp_path: Path, *words: str, **more: str) -> Finished:
    """nosh without any network, for what has to fail before it is asked."""
    environment = {**os.environ, "NOSH_STORE": str(tmp_path / "store"), **more}
    return start(words, environment, cwd=tmp_path)


def refused(done: Finished, code: int, *texts: str) -> None:
    assert done.code == code, done.err + done.out
    assert "Traceback" not in done.err
    assert "bug in nosh" not in done.err
    for text in texts:
        assert text in done.err


def app(folder: Path, **files: str) -> str:
    folder.mkdir()
    for name, text in files.items():
        (folder / name.replace("__", ".").replace("_dash_", "-")).write_text(text)
    return str(folder)


PACKAGE = '{"name": "x", "scripts": {"start": "node a.js"}}'


@pytest.mark.parametrize(
    ("words", "code", "texts"),
    [
        pytest.param(("biuld",), 2, ("'biuld'", "did you mean build?"), id="an unknown verb"),
        pytest.param(("build",), 2, ("THING", "--help"), id="nothing to build"),
        pytest.param(("build", "nodejs2"), 2, ("'nodejs2'", "did you mean nodejs2"), id="an unknown recipe"),
        pytest.param(("build", "static-debian99"), 2, ("debian99", "debian13"), id="an unknown release"),
        pytest.param(
            ("build", "static", "--platform", "linux/vax"), 2, ("vax", "linux/amd64"), id="an unknown platform"
        ),
        pytest.param(("build", "static", "--variant", "tiny"), 2, ("tiny",), id="an unknown variant"),
        pytest.param(("build", "static:tiny"), 2, ("'tiny'", "nonroot"), id="an unknown variant after a colon"),
        pytest.param(("build", "static", "-t", "Not A Name"), 2, ("Not A Name", "lower-case"), id="an impossible tag"),
        pytest.param(
            ("build", "static", "-o", "no/such/folder/x"), 2, ("no/such/folder",), id="a place that is not there"
        ),
        pytest.param(
            ("build", "static", "--mirror", "nonsense"), 2, ("nonsense", "https://"), id="a mirror that is no address"
        ),
        pytest.param(("build", "static", "--offline"), 4, ("--offline",), id="offline with an empty store"),
        pytest.param(
            ("build", "static", "--mirror", "http://127.0.0.1:9/debian"), 4, ("127.0.0.1:9", "hint:"), id="no mirror"
        ),
        pytest.param(
            ("build", "static", "--keyring", "/none"), 2, ("key ring /none",), id="a key ring that is not there"
        ),
        pytest.param(("run", "nothing"), 2, ("nothing:latest", "nosh build"), id="an image that is not there"),
        pytest.param(("rm", "nothing"), 2, ("nothing:latest",), id="removing an image that is not there"),
        pytest.param(("stop", "nothing", "--engine", "sandbox"), 2, ("nothing",), id="stopping what does not run"),
        pytest.param(("run", "x", "-p", "port"), 2, ("'port'",), id="a port that is none"),
        pytest.param(
            ("build", "static", "--config", "/none.toml"), 2, ("/none.toml",), id="settings that are not there"
        ),
    ],
)
def test_wrong_words(tmp_path: Path, words: tuple[str, ...], code: int, texts: tuple[str, ...]) -> None:
    refused(bare(tmp_path, *words), code, *texts)


@pytest.mark.parametrize(
    ("files", "texts"),
    [
        pytest.param({"package__json": '{"name": '}, ("package.json:1:10", "JSON"), id="a broken package.json"),
        pytest.param({"package__json": "[]"}, ("package.json:1:1",), id="a package.json that is no object"),
        pytest.param({"readme__md": "x"}, ("no app that nosh knows", "package.json"), id="a folder without an app"),
        pytest.param(
            {"package__json": '{"name": "x", "dependencies": {"express": "4"}}', "index__js": ""},
            ("no lock file", "npm install --package-lock-only"),
            id="no lock file",
        ),
        pytest.param(
            {"package__json": '{"dependencies": {"a": "1"}}', "yarn__lock": ""},
            ("yarn", "npm install"),
            id="yarn's lock",
        ),
        pytest.param(
            {"package__json": '{"dependencies": {"a": "1"}}', "pnpm-lock__yaml": ""}, ("pnpm",), id="pnpm's lock"
        ),
        pytest.param(
            {"package__json": '{"scripts": {"start": "node a.js && echo"}}', "a__js": ""},
            ("needs a shell", "'&'", "nosh.toml"),
            id="a start script for a shell",
        ),
        pytest.param(
            {"package__json": '{"scripts": {"start": "next start"}}'}, ("next start", "nosh.toml"), id="no node"
        ),
        pytest.param({"package__json": PACKAGE}, ("there is no file a.js",), id="a start script without its file"),
        pytest.param({"package__json": '{"name": "x"}'}, ("nothing says what to start",), id="nothing to start"),
        pytest.param(
            {"package__json": '{"engines": {"node": "^4"}}', "index__js": ""},
            ("'^4'", "Node 20.", ", 22."),
            id="an old Node",
        ),
        pytest.param(
            {"package__json": PACKAGE, "a__js": "", "__env": "KEY=1"}, (".env", "--allow-secret"), id="an .env file"
        ),
        pytest.param(
            {"package__json": PACKAGE, "a__js": "", "key__txt": "-----BEGIN RSA PRIVATE KEY-----\n"},
            ("key.txt: a private key",),
            id="a private key under any name",
        ),
        pytest.param(
            {"package__json": PACKAGE, "a__js": "", "__npmrc": "//host/:_authToken=s3cret\n"},
            (".npmrc", "token"),
            id="an .npmrc with a token",
        ),
        pytest.param(
            {"package__json": PACKAGE, "a__js": "", "nosh__toml": "[app]\nport = 1\nprots = [1]\n"},
            ("nosh.toml:2:1", "nosh.toml:3:1", "did you mean ports"),
            id="unknown keys in nosh.toml",
        ),
    ],
)
def test_wrong_apps(tmp_path: Path, files: dict[str, str], texts: tuple[str, ...]) -> None:
    done = bare(tmp_path, "build", app(tmp_path / "app", **files))
    refused(done, 2, *texts)
    assert "s3cret" not in done.err


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        pytest.param('name = "x"\nextends = "bse"', ("bse", "did you mean base"), id="a base that is not there"),
        pytest.param('name = "x"\nextends = ', ("my.toml:2:11",), id="no TOML"),
        pytest.param(
            'name = "X"\npackges = ["a"]\n[[link]]\npath = "rel"\n',
            ("my.toml:1:1", "my.toml:2:1", "did you mean packages", "my.toml:3:1", "target is missing", "my.toml:4:1"),
            id="four mistakes at once",
        ),
        pytest.param(
            'name = "x"\n[[account]]\nname = "u"\n', ("my.toml:2:1", "uid is missing"), id="an account without number"
        ),
    ],
)
def test_wrong_recipes(tmp_path: Path, text: str, texts: tuple[str, ...]) -> None:
    (tmp_path / "my.toml").write_text(text)
    refused(bare(tmp_path, "build", "my.toml"), 2, *texts)


def test_a_name_with_two_meanings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    refused(bare(tmp_path, "build", "static"), 2, "./static", "catalogue:static")


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(bare(tmp_path, "build", "static", NOSH_STORE=str(tmp_path / "file")), 4, "hint:")


@pytest.mark.packages
@pytest.mark.xdist_group("packages")
@pytest.mark.parametrize("megabytes", [2, 20])
def test_a_disk_that_becomes_full(tmp_path: Path, megabytes: int) -> None:
    small = [
        "unshare",
        "-Urm",
        "sh",
        "-c",
        f'mount -t tmpfs -o size={megabytes}m tmpfs "$0" && exec "$@"',
        str(tmp_path),
    ]
    if subprocess.run([*small, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine gives no namespaces to make a small disk in")
    argv = [*small, sys.executable, "-m", "nosh", "build", "base", "--store", str(tmp_path / "store")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
    refused(Finished(done.returncode, done.stdout, done.stderr), 4, "cannot write", "hint: free some space")


def test_settings_of_the_environment_that_make_no_sense(tmp_path: Path) -> None:
    for text in ("today", "-1", "253402300800", "9" * 5000):
        refused(bare(tmp_path, "build", "static", SOURCE_DATE_EPOCH=text), 2, "SOURCE_DATE_EPOCH")


@pytest.mark.packages
@pytest.mark.xdist_group("packages")
def test_an_unknown_package_and_what_was_meant(nosh: Nosh, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text('name = "my"\nextends = "base"\npackages = ["zlib2g", "libpq5"]\n')
    refused(nosh("build", str(tmp_path / "my.toml")), 2, "zlib2g", "did you mean zlib1g")


@pytest.mark.packages
@pytest.mark.xdist_group("packages")
def test_native_code_that_lacks_a_library_names_the_package(nosh: Nosh, tmp_path: Path) -> None:
    folder = Path(app(tmp_path / "app", package__json=PACKAGE, a__js=""))
    machine = {"x86_64": 62, "aarch64": 183}[os.uname().machine]
    addon = Binary(64, little=True, machine=machine, type=3, dynamic=True, needed=("libvips.so.42",))
    (folder / "addon.node").write_bytes(elf_maker.make(addon))
    refused(nosh("build", str(folder)), 2, "/app/addon.node needs libvips.so.42", "libvips42t64")
    wrong = Binary(64, little=True, machine=243, type=3, dynamic=True)
    (folder / "addon.node").write_bytes(elf_maker.make(wrong))
    refused(nosh("build", str(folder)), 2, "is for riscv64")
    newer = Binary(
        64,
        little=True,
        machine=machine,
        type=3,
        dynamic=True,
        needed=("libc.so.6",),
        verneed=(("libc.so.6", ("GLIBC_2.99",)),),
    )
    (folder / "addon.node").write_bytes(elf_maker.make(newer))
    refused(nosh("build", str(folder)), 2, "GLIBC_2.99", "goes up to GLIBC_2.")


@pytest.mark.packages
@pytest.mark.xdist_group("packages")
def test_a_port_in_use_is_named_with_a_free_one(nosh: Nosh, hello: dict[str, object]) -> None:
    assert hello
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        refused(nosh("run", "hello", "--engine", "sandbox", "-p", f"{port}:3000"), 4, f"port {port}", "hint:")


@pytest.mark.packages
@pytest.mark.xdist_group("packages")
def test_an_engine_that_is_missing_or_unreachable(nosh: Nosh, hello: dict[str, object]) -> None:
    assert hello
    refused(nosh("run", "hello", "--engine", "docker", PATH="/none"), 4, "docker", "hint:")
    if shutil.which("docker"):
        done = nosh("run", "hello", "--engine", "docker", DOCKER_HOST="unix:///none.sock")
        refused(done, 4, "docker", "hint:")


@pytest.mark.packages
@pytest.mark.xdist_group("packages")
def test_secrets_may_be_allowed_by_name(nosh: Nosh, tmp_path: Path) -> None:
    folder = app(tmp_path / "app", package__json=PACKAGE, a__js="", __env="A=1")
    done = nosh("build", folder, "--allow-secret", ".env", "--format", "json", "--plan")
    assert done.code == 0, done.err
    assert ".env" in json.loads(done.out)["files"]


def test_the_example_itself_has_no_secret() -> None:
    assert not [path for path in EXAMPLE.iterdir() if path.name.startswith(".env")]
