"""From a package to the members of an image, with its line in the package database."""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.simulators import deb_maker, trees
from tests.simulators.deb_maker import TIME, Content, File, Folder, Hardlink, Package, Symlink

from nosh.formats.deb import archive as deb
from nosh.rootfs import certificates, unpack
from nosh.rootfs.select import Rules
from nosh.values.entry import Kind
from nosh.values.errors import FormatError

FILES: Mapping[str, Content] = {
    "bin/tool": File(b"tool", 0o755),
    "bin/other": Hardlink("bin/tool"),
    "etc/tool.conf": File(b"conf", mtime=TIME + 5000),
    "usr/share/doc/tool/copyright": File(b"free"),
    "usr/share/tool": Symlink("doc/tool"),
    "var/tool": Folder(0o700),
}


def opened(files: Mapping[str, Content], **fields: str) -> deb.Archive:
    return deb.read(io.BytesIO(deb_maker.make(Package("tool", files=files, fields=fields))))


def unpacked(rules: Rules) -> tuple[dict[str, str], dict[str, bytes]]:
    contents: dict[str, bytes] = {}
    outline: dict[str, str] = {}
    for entry, body in unpack.members("tool", opened(FILES), rules):
        assert not isinstance(body, Path)
        contents[entry.path] = b"".join(body)
        outline |= trees.of_members([(entry, (contents[entry.path],))])
    return outline, contents


def test_everything_is_taken_and_written_down() -> None:
    outline, contents = unpacked(Rules())
    status = contents["var/lib/dpkg/status.d/tool"]
    sums = contents["var/lib/dpkg/status.d/tool.md5sums"]
    assert status.startswith(b"Package: tool\n")
    assert {path: line for path, line in outline.items() if line.partition(" ")[0] != "folder"} == {
        "/bin/tool": f"file 0755 {trees.digest('tool')}",
        "/bin/other": "same file as /bin/tool",
        "/etc/tool.conf": f"file 0644 {trees.digest('conf')}",
        "/usr/share/doc/tool/copyright": f"file 0644 {trees.digest('free')}",
        "/usr/share/tool": "-> doc/tool",
        "/var/lib/dpkg/status.d/tool": f"file 0644 {trees.digest(status)}",
        "/var/lib/dpkg/status.d/tool.md5sums": f"file 0644 {trees.digest(sums)}",
    }
    assert outline["/var/tool"] == "folder 0700"


def named(sums: bytes) -> dict[str, str]:
    return {path: md5 for md5, _, path in (line.partition("  ") for line in sums.decode().splitlines())}


@pytest.mark.parametrize(
    ("rules", "paths"),
    [
        pytest.param(Rules(), {"bin/tool", "etc/tool.conf", "usr/share/doc/tool/copyright"}, id="all"),
        pytest.param(Rules(cut=("usr/share/doc/**",)), {"bin/tool", "etc/tool.conf"}, id="something is cut"),
        pytest.param(
            Rules(merged=True, cut=("usr/share/**",)), {"bin/tool", "etc/tool.conf"}, id="paths have moved into /usr"
        ),
        pytest.param(Rules(only=("etc/**",)), {"etc/tool.conf"}, id="one file only"),
        pytest.param(Rules(exclude=("etc/tool.conf",), cut=("usr/**", "bin/*")), set(), id="nothing"),
    ],
)
def test_checksums_name_only_what_is_there(rules: Rules, paths: set[str]) -> None:
    _, contents = unpacked(rules)
    sums = contents.get("var/lib/dpkg/status.d/tool.md5sums", b"")
    found = named(sums)
    assert set(found) & set(FILES) == paths
    assert found.get("etc/tool.conf", "none") in {hashlib.md5(b"conf").hexdigest(), "none"}
    assert ("var/lib/dpkg/status.d/tool.md5sums" in contents) is bool(found)


def test_no_time_is_later_than_the_epoch() -> None:
    times = {entry.mtime for entry, _ in unpack.members("tool", opened(FILES), Rules(epoch=TIME - 10))}
    assert times == {TIME - 10}
    times = {entry.mtime for entry, _ in unpack.members("tool", opened(FILES), Rules(epoch=TIME + 10))}
    assert times == {TIME, TIME + 10}


def test_one_file_under_another_path() -> None:
    rules = Rules(merged=True, epoch=TIME)
    found = unpack.one_file(opened(FILES), "usr/bin/tool", place="busybox/tool", rules=rules)
    assert trees.of_members(found) == {"/busybox/tool": f"file 0755 {trees.digest('tool')}"}
    assert not list(unpack.one_file(opened(FILES), "usr/bin/none", place="x", rules=rules))
    assert not list(unpack.one_file(opened(FILES), "usr/share/tool", place="x", rules=rules)), "a link is no file"


CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----"


def test_the_bundle_has_all_certificates_in_the_order_of_their_bytes() -> None:
    folder = "usr/share/ca-certificates/mozilla"
    files: dict[str, Content] = {
        f"{folder}/é.crt": File(CERTIFICATE + b" e\n", mtime=TIME + 7),
        f"{folder}/b.crt": File(CERTIFICATE + b" b"),
        f"{folder}/B.crt": File(CERTIFICATE + b" B\n"),
        f"{folder}/日.crt": File(CERTIFICATE + b" last\n"),
        "usr/share/ca-certificates/a.crt": File(CERTIFICATE + b" a\n"),
        f"{folder}/README": File(b"no certificate"),
        f"{folder}/link.crt": Symlink("b.crt"),
        "etc/c.crt": File(CERTIFICATE + b" c\n"),
    }
    bundle, time = certificates.bundle(opened(files))
    assert bundle.replace(CERTIFICATE, b"").split() == [b"a", b"B", b"b", b"e", b"last"]
    assert bundle.count(b"\n") == 5 * 3
    assert time == TIME + 7


@pytest.mark.parametrize("files", [{}, {"usr/share/ca-certificates/a.crt": File(b"")}, {"a.crt": File(CERTIFICATE)}])
def test_a_package_without_certificates_is_refused(files: Mapping[str, Content]) -> None:
    with pytest.raises(FormatError, match="cannot make the CA bundle"):
        certificates.bundle(opened(files))


def test_a_file_in_memory_has_its_size() -> None:
    entry, body = unpack.text_file("a", b"abc", 5, mode=0o600)
    assert (entry.kind, entry.mode, entry.mtime, entry.size, body) == (Kind.FILE, 0o600, 5, 3, (b"abc",))
