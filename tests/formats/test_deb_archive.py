"""Opening packages: what was packed comes out, and whatever else comes is refused as no package."""

import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulators import deb_maker
from tests.simulators.deb_maker import TIME, File, Folder, Hardlink, Package, Raw, Symlink, ar, make

from nosh.formats.deb import archive
from nosh.values.entry import Entry, Kind
from nosh.values.errors import FormatError

HELLO = Package(
    "hello",
    files={
        "usr/bin/hello": File(b"hello\n" * 1000, 0o4755, uid=1, gid=2),
        "usr/bin/hi": Hardlink("usr/bin/hello"),
        "usr/share/doc/hello": Symlink("../hello"),
        "usr/share/empty": File(mtime=5),
        "var/lib/hello": Folder(0o700, mtime=7),
        "usr/share/" + "long/" * 40 + "name": File(b"x"),
    },
)


def opened(data: bytes) -> tuple[archive.Archive, dict[str, tuple[Entry, bytes]]]:
    found = archive.read(io.BytesIO(data))
    return found, {entry.path: (entry, b"".join(body)) for entry, body in found.data}


@pytest.mark.parametrize("compression", deb_maker.COMPRESSIONS)
def test_what_was_packed_comes_out(compression: str) -> None:
    package, members = opened(make(replace(HELLO, compression=compression)))
    assert package.time == TIME
    assert set(package.control) == {"", "control", "md5sums"}
    assert package.control["control"].startswith(b"Package: hello\nVersion: 1.0-1\n")
    assert package.control["md5sums"].endswith(b"  usr/share/long/" + b"long/" * 39 + b"name\n")
    entry, data = members["usr/bin/hello"]
    assert entry == Entry("usr/bin/hello", Kind.FILE, 0o4755, 1, 2, TIME, 6000)
    assert data == b"hello\n" * 1000
    assert members["usr/bin/hi"][0].target == "usr/bin/hello"
    assert members["usr/share/doc/hello"][0].target == "../hello"
    assert members["usr/share/empty"][0].mtime == 5
    assert members["var/lib/hello"][0] == Entry("var/lib/hello", Kind.DIRECTORY, 0o700, mtime=7)
    assert members["usr/share/" + "long/" * 40 + "name"][1] == b"x"


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="this machine has no dpkg-deb")
def test_dpkg_opens_what_the_simulator_makes_and_nosh_what_dpkg_makes(tmp_path: Path) -> None:
    (tmp_path / "hello.deb").write_bytes(make(HELLO))
    subprocess.run(["dpkg-deb", "-R", tmp_path / "hello.deb", tmp_path / "tree"], check=True, capture_output=True)
    assert (tmp_path / "tree/usr/bin/hi").read_bytes() == b"hello\n" * 1000
    for way in ("xz", "gzip", "none"):
        argv = ["dpkg-deb", f"-Z{way}", "-b", str(tmp_path / "tree"), str(tmp_path / "again.deb")]
        subprocess.run(argv, check=True, capture_output=True)
        package, members = opened((tmp_path / "again.deb").read_bytes())
        assert package.control["control"].startswith(b"Package: hello\n")
        assert set(members) == set(opened(make(HELLO))[1])


def test_members_with_an_underscore_are_passed_over_and_what_follows_is_not_read() -> None:
    (first, *rest) = parts(make(HELLO)).items()
    members = dict([first, ("_mark", b"odd"), rest[0], ("_sign", b""), rest[1], ("anything", b"x")])
    assert opened(ar(members))[1].keys() == opened(make(HELLO))[1].keys()


def parts(package: bytes) -> dict[str, bytes]:
    """The members of a package by name."""
    found: dict[str, bytes] = {}
    position = 8
    while position < len(package):
        name, size = package[position : position + 16].decode().strip(), int(package[position + 48 : position + 58])
        found[name] = package[position + 60 : position + 60 + size]
        position += 60 + size + size % 2
    return found


def changed(**changes: bytes | None) -> bytes:
    """The package with members changed, or left out; ``_`` stands for a dash or a dot of a name."""
    members = dict(parts(make(HELLO)))
    for name, data in changes.items():
        (there,) = [known for known in members if known.replace("-", "_").replace(".", "_") == name]
        members[there] = data if data is not None else b""
        if data is None:
            del members[there]
    return ar(members)


BIG_CONTROL = io.BytesIO()
with tarfile.open(fileobj=BIG_CONTROL, mode="w") as _big:
    _about = tarfile.TarInfo("./control")
    _about.size = 65 << 20
    _big.addfile(_about, io.BytesIO(bytes(_about.size)))

BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "not an ar archive"),
    "text": (lambda: b"<html>please log in</html>", "not an ar archive"),
    "an ar archive without members": (lambda: b"!<arch>\n", "not a .deb of format 2"),
    "another format": (lambda: changed(debian_binary=b"3.0\n"), "not a .deb of format 2"),
    "no format": (lambda: changed(debian_binary=None), "not a .deb of format 2"),
    "no control archive": (lambda: changed(control_tar_xz=None), "no control archive"),
    "no data archive": (lambda: changed(data_tar_xz=None), "no data archive"),
    "members in another order": (lambda: ar(dict(reversed(parts(make(HELLO)).items()))), "format 2"),
    "an unknown member before the data": (
        lambda: ar(dict([*list(parts(make(HELLO)).items())[:2], ("other", b"")])),
        "unexpected member 'other'",
    ),
    "a control archive without a control file": (
        lambda: changed(control_tar_xz=deb_maker.compress(bytes(1024), "xz")),
        "no control file",
    ),
    "a control archive that fills memory": (
        lambda: changed(control_tar_xz=deb_maker.compress(BIG_CONTROL.getvalue(), "xz")),
        "control archive has more than",
    ),
    "a control archive that is damaged": (
        lambda: changed(control_tar_xz=b"\xfd7zXZ\0" + bytes(50)),
        "cannot decompress",
    ),
    "a time that is none": (lambda: make(HELLO).replace(b"1700000000  ", b"17000000 0  "), "header is damaged"),
    "a time that no image can have": (lambda: make(replace(HELLO, time=999_999_999_999)), "made 999999999999 seconds"),
    "a size that is none": (lambda: make(HELLO).replace(b"100644  4  ", b"100644  -4 "), "header is damaged"),
    "a member longer than the file": (lambda: make(HELLO).replace(b"100644  4 ", b"100644  99"), "header is damaged"),
}


@pytest.mark.parametrize("summary", BAD)
def test_what_is_no_package(summary: str) -> None:
    data, reason = BAD[summary]
    with pytest.raises(FormatError, match=reason):
        opened(data())


@pytest.mark.parametrize("summary", deb_maker.HOSTILE_MEMBERS)
def test_hostile_members_are_refused(summary: str) -> None:
    members, reason = deb_maker.HOSTILE_MEMBERS[summary]
    with pytest.raises(FormatError, match=reason):
        opened(make(replace(HELLO, raw=members)))


def test_a_bomb_is_refused_before_it_has_gone_off() -> None:
    data = make(replace(HELLO, compression="zst", data=deb_maker.bomb(320 << 20)))
    assert len(data) < 100_000
    (_, zeroes) = next(archive.read(io.BytesIO(data)).data)
    with pytest.raises(FormatError, match="decompression bomb"):
        sum(map(len, zeroes))


def test_what_nobody_asked_for_is_not_read() -> None:
    found = archive.read(io.BytesIO(make(replace(HELLO, raw=(Raw("/etc/passwd"),)))))
    assert found.control["control"]


SMALL = Package("x", files={"a": File(b"some text", mtime=1), "b": Symlink("a")}, compression="")
WHOLE = {compression: make(replace(SMALL, compression=compression)) for compression in deb_maker.COMPRESSIONS}


@pytest.mark.parametrize("compression", deb_maker.COMPRESSIONS)
def test_a_package_that_ends_early_is_never_taken_for_whole(compression: str) -> None:
    whole = WHOLE[compression]
    expected = opened(whole)[1]
    for end in {*range(0, len(whole), max(1, len(whole) // 150)), len(whole) - 2}:
        try:
            found = opened(whole[:end])[1]
        except FormatError:
            continue
        # Only zeroes that fill the last block may be missing.
        assert found == expected, end


@settings(max_examples=400, deadline=None)
@given(
    compression=st.sampled_from(deb_maker.COMPRESSIONS),
    changes=st.lists(st.tuples(st.integers(0, 5000), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4),
)
def test_a_changed_package_is_read_or_refused(compression: str, changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(WHOLE[compression])
    for place, new in changes:
        start = place % len(data)
        data[start : start + len(new)] = new
    try:
        package, members = opened(bytes(data))
    except FormatError:
        return
    assert package.time >= 0
    assert all(not path.startswith("/") and ".." not in path.split("/") for path in members)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        opened(b"!<arch>\n" + data)
