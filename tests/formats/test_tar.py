"""Reading and writing tar: what is written is read back, others read it too, hostile archives are refused."""

import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulators.trees import file, folder, hardlink, symlink

from nosh.formats import tar
from nosh.values.entry import Entry, Kind
from nosh.values.errors import FormatError

Member = tuple[Entry, bytes]

# Bytes that are no UTF-8 come and go as surrogates (PEP 383).
_part = st.one_of(
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40),
    st.binary(min_size=1, max_size=160)
    .filter(lambda data: not set(b"/\0") & set(data))
    .map(lambda data: data.decode("utf-8", "surrogateescape")),
).filter(lambda part: part not in {".", ".."})
_path = st.lists(_part, min_size=1, max_size=5).map("/".join)
# Python's tarfile has times as floating-point numbers, which are exact up to here.
_number = st.one_of(st.integers(0, 2**22), st.integers(0, 2**53))
_entry = st.builds(
    Entry,
    path=_path,
    kind=st.just(Kind.FILE),
    mode=st.integers(0, 0o7777),
    uid=_number,
    gid=_number,
    mtime=_number,
)
_target = st.one_of(_path, _path.map(lambda path: f"/{path}"), _path.map(lambda path: f"../{path}"))
_file = st.builds(lambda entry, data: (replace(entry, size=len(data)), data), _entry, st.binary(max_size=1500))
_folder = _entry.map(lambda entry: (replace(entry, kind=Kind.DIRECTORY), b""))
_symlink = st.builds(lambda entry, to: (replace(entry, kind=Kind.SYMLINK, target=to), b""), _entry, _target)
_hardlink = st.builds(lambda entry, to: (replace(entry, kind=Kind.HARDLINK, target=to), b""), _entry, _path)
_members = st.lists(st.one_of(_file, _folder, _symlink, _hardlink), max_size=6)


def write(members: Iterable[tuple[Entry, bytes]]) -> bytes:
    parts = (tar.header(entry) + data + tar.padding(entry.size) for entry, data in members)
    return b"".join(parts) + tar.END


def read(data: bytes, step: int = 0) -> list[Member]:
    chunks = [data[at : at + step] for at in range(0, len(data), step)] if step else [data]
    return [(entry, b"".join(body)) for entry, body in tar.read(chunks)]


@settings(max_examples=60, deadline=None)
@given(_members)
def test_what_is_written_is_read_back(members: list[Member]) -> None:
    assert read(write(members)) == members


@settings(max_examples=60, deadline=None)
@given(_members)
def test_an_archive_is_whole_blocks(members: list[Member]) -> None:
    """pax: 'the archive is a series of blocks of 512 bytes, terminated by two blocks of binary zeros'."""
    data = write(members)
    assert len(data) % 512 == 0
    assert data.endswith(bytes(1024))


@settings(max_examples=60, deadline=None)
@given(_members, st.integers(1, 700))
def test_how_the_bytes_arrive_does_not_matter(members: list[Member], step: int) -> None:
    assert read(write(members), step) == members


@settings(max_examples=60, deadline=None)
@given(_members)
def test_contents_may_be_left_unread(members: list[Member]) -> None:
    assert [entry for entry, _ in tar.read([write(members)])] == [entry for entry, _ in members]


def test_contents_may_be_left_half_read() -> None:
    data = write([(Entry(name, Kind.FILE, 0o644, size=5000), b"x" * 5000) for name in "ab"])
    chunks = [data[at : at + 512] for at in range(0, len(data), 512)]
    assert [(entry.path, len(next(iter(body)))) for entry, body in tar.read(chunks)] == [("a", 512), ("b", 512)]


@settings(max_examples=60, deadline=None)
@given(_members)
def test_python_s_tarfile_reads_what_we_write(members: list[Member]) -> None:
    with tarfile.open(fileobj=io.BytesIO(write(members)), mode="r:", encoding="utf-8") as archive:
        found = [(info, archive.extractfile(info) if info.isreg() else None) for info in archive]
        assert [_seen(info, body.read() if body else b"") for info, body in found] == members


_KINDS = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.DIRTYPE: Kind.DIRECTORY,
    tarfile.SYMTYPE: Kind.SYMLINK,
    tarfile.LNKTYPE: Kind.HARDLINK,
}


def _seen(info: tarfile.TarInfo, data: bytes) -> Member:
    kind = _KINDS[info.type]
    return Entry(
        info.name, kind, info.mode, info.uid, info.gid, int(info.mtime), len(data), info.linkname
    ), data  # fmt: skip


FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def by_tarfile(members: Iterable[Member], form: int) -> bytes:
    out = io.BytesIO()
    types = {kind: flag for flag, kind in _KINDS.items()}
    with tarfile.open(fileobj=out, mode="w", format=form, encoding="utf-8") as archive:
        for entry, data in members:
            info = tarfile.TarInfo(entry.path)
            info.type, info.mode, info.linkname = types[entry.kind], entry.mode, entry.target
            info.uid, info.gid, info.mtime, info.size = entry.uid, entry.gid, entry.mtime, len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize("form", ["gnu", "pax"])
@settings(max_examples=60, deadline=None)
@given(members=_members)
def test_what_python_s_tarfile_writes_is_read(form: str, members: list[Member]) -> None:
    assert read(by_tarfile(members, FORMATS[form])) == members


CASES = {
    "a file": file("usr/bin/x", "contents", 0o755),
    "an empty file": file("empty"),
    "a folder": folder("var/tmp", 0o1777),
    "a link": symlink("bin", "usr/bin"),
    "a link that leads out": symlink("a/b", "../../../etc"),
    "another name of a file": hardlink("b", "usr/bin/x"),
    "a name of 100 bytes": file("n" * 100),
    "a folder of 99 bytes": folder("n" * 99),
    "a name of 101 bytes with a prefix": file("p" * 50 + "/" + "n" * 50),
    "a name of 255 bytes": file("p" * 154 + "/" + "n" * 100),
    "a name with letters": file("größe/日本"),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("summary", CASES)
def test_each_format_says_the_same(summary: str, form: str) -> None:
    entry, (data,) = CASES[summary]
    assert read(by_tarfile([(entry, data)], FORMATS[form])) == [(entry, data)]


@pytest.mark.parametrize("summary", CASES)
def test_what_ustar_can_hold_is_written_as_tarfile_writes_it(summary: str) -> None:
    entry, (data,) = CASES[summary]
    mine, theirs = tar.header(entry), by_tarfile([(entry, data)], tarfile.USTAR_FORMAT)
    assert len(mine) == 512
    # Of devices' numbers, and so of the checksum, there is more than one way to say that there is none.
    for field in (slice(148), slice(156, 329), slice(345, 512)):
        assert mine[field] == theirs[field]


PAX = {
    "a name that no prefix helps": file("n" * 101),
    "a long name without a good place to cut": file("p" * 160 + "/" + "n" * 10),
    "a folder whose slash is too much": folder("n" * 100),
    "a folder whose name ends at the cut": folder("n" * 155),
    "a long target": symlink("a", "t" * 101),
    "a long target of another name": hardlink("a", "t/" * 100 + "t"),
    "a user that is too large": (Entry("a", Kind.FILE, 0o644, uid=8**7), (b"",)),
    "a group that is too large": (Entry("a", Kind.FILE, 0o644, gid=2**32 - 2), (b"",)),
    "a time after the year 2242": (Entry("a", Kind.FILE, 0o644, mtime=8**11), (b"",)),
}


@pytest.mark.parametrize("summary", PAX)
def test_only_what_ustar_cannot_hold_has_a_pax_record(summary: str) -> None:
    entry, (data,) = PAX[summary]
    header = tar.header(entry)
    assert (len(header), header[156:157]) == (1536, b"x")
    assert read(write([(entry, data)])) == [(entry, data)]


def test_a_file_of_8_gib_keeps_its_size() -> None:
    entry = Entry("big", Kind.FILE, 0o644, size=8 << 30)
    with tarfile.open(fileobj=io.BytesIO(tar.header(entry)), mode="r:") as archive:
        info = archive.next()
    assert info
    assert info.size == 8 << 30
    assert next(tar.read([tar.header(entry)]))[0] == entry


def header(**changes: bytes) -> bytes:
    """Return a header with some of its fields replaced and a checksum that fits."""
    places = {
        "name": (0, 100), "mode": (100, 108), "uid": (108, 116), "gid": (116, 124), "size": (124, 136),
        "mtime": (136, 148), "flag": (156, 157), "target": (157, 257), "magic": (257, 265), "prefix": (345, 500),
    }  # fmt: skip
    block = bytearray(tar.header(Entry("a", Kind.FILE, 0o644)))
    for field, value in changes.items():
        start, end = places[field]
        block[start:end] = value.ljust(end - start, b"\0")
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + sum(block[156:]) + 256)
    return bytes(block)


def pax(*records: bytes) -> bytes:
    data = b"".join(records)
    return header(flag=b"x", size=b"%o" % len(data)) + data + tar.padding(len(data))


def record(text: bytes) -> bytes:
    """Return a pax record, which begins with its own length."""
    length = next(size for size in range(len(text), len(text) + 9) if len(b"%d %b\n" % (size, text)) == size)
    return b"%d %b\n" % (length, text)


ODD = {
    "a name with the root in front": (header(name=b"./a"), ["a"]),
    "a name with empty parts": (header(name=b"a//b/./c"), ["a/b/c"]),
    "the root": (header(name=b"./", flag=b"5"), [""]),
    "a folder as the oldest tar had it": (header(name=b"a/", magic=b""), ["a"]),
    "no magic and so no prefix": (header(prefix=b"p", magic=b""), ["a"]),
    "GNU's magic and so no prefix": (header(prefix=b"p", magic=b"ustar  \0"), ["a"]),
    "a prefix": (header(prefix=b"p"), ["p/a"]),
    "a contiguous file": (header(flag=b"7"), ["a"]),
    "numbers between spaces": (header(mode=b"  0644 ", uid=b" 0 "), ["a"]),
    "numbers that are not there": (header(mode=b"", uid=b"", mtime=b""), ["a"]),
    "numbers in base 256": (header(uid=b"\x80\0\0\0\0\x20\0\0", mtime=b"\x80" + bytes(11)), ["a"]),
    "a name in a pax record": (pax(record(b"path=long")) + header(), ["long"]),
    "an empty pax record": (pax(record(b"path=")) + header(), ["a"]),
    "a pax time with a fraction": (pax(record(b"mtime=12.5")) + header(), ["a"]),
    "pax records of others": (pax(record(b"SCHILY.xattr.a=b=c"), record(b"comment=c")) + header(), ["a"]),
    "a pax record for one member only": (pax(record(b"path=long")) + header() + header(), ["long", "a"]),
    "a global pax header": (header(flag=b"g", size=b"13") + b"11 path=x=\n".ljust(512, b"\0") + header(), ["a"]),
    "a folder that says it has contents": (header(flag=b"5", size=b"1000") + header(name=b"b"), ["a", "b"]),
    "GNU's long name": (header(flag=b"L", size=b"2") + b"b\0".ljust(512, b"\0") + header(), ["b"]),
    "no end": (header(), ["a"]),
    "something after the end": (header() + tar.END + b"junk", ["a"]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize("summary", ODD)
def test_odd_archives_are_read(summary: str) -> None:
    data, paths = ODD[summary]
    assert [entry.path for entry, _ in read(data)] == paths


def test_numbers_of_base_256_and_pax_are_read() -> None:
    [(entry, _)] = read(header(uid=b"\x80\0\0\0\0\x20\0\0", mode=b"0100755", mtime=b" 17"))
    assert (entry.uid, entry.mode, entry.mtime) == (0x200000, 0o755, 15)
    [(entry, _)] = read(pax(record(b"uid=9"), record(b"gid=10"), record(b"mtime=11.9")) + header(uid=b"7"))
    assert (entry.uid, entry.gid, entry.mtime) == (9, 10, 11)


HOSTILE = {
    "an absolute path": header(name=b"/etc/passwd"),
    "an absolute prefix": header(prefix=b"/etc"),
    "a path that climbs out": header(name=b"../a"),
    "a path that climbs out later": header(name=b"a/../../b"),
    "a path that climbs at its end": header(name=b"a/.."),
    "only dots": header(name=b".."),
    "an absolute path in a pax record": pax(record(b"path=/a")) + header(),
    "a path that climbs out in a pax record": pax(record(b"path=a/../../b")) + header(),
    "a NUL byte in a path": pax(record(b"path=a\0b")) + header(),
    "a NUL byte in a target": pax(record(b"linkpath=a\0b")) + header(flag=b"2"),
    "a link to nothing": header(flag=b"2"),
    "another name of nothing": header(flag=b"1"),
    "another name of something outside": header(flag=b"1", target=b"../a"),
    "another name of an absolute path": header(flag=b"1", target=b"/etc/shadow"),
    "a file as the root": header(name=b"."),
    "a file without a name": header(name=b""),
    "a link as the root": header(name=b"./", flag=b"2", target=b"a"),
    "a character device": header(flag=b"3"),
    "a block device": header(flag=b"4"),
    "a pipe": header(flag=b"6"),
    "a sparse file of GNU's": header(flag=b"S"),
    "a sparse file in pax records": pax(record(b"GNU.sparse.major=1")) + header(),
    "an unknown flag": header(flag=b"Z"),
    "a negative size": header(size=b"\xff" * 12),
    "a negative size in digits": header(size=b"-1"),
    "a negative time": header(mtime=b"\xff" * 12),
    "a negative time in a pax record": pax(record(b"mtime=-1")) + header(),
    "a negative user in a pax record": pax(record(b"uid=-1")) + header(),
    "a number beyond all measure": header(mtime=b"\x80" + b"\x7f" * 11),
    "a size beyond all measure": header(size=b"\x80\x7f" + b"\xff" * 10),
    "a size that is no number": header(size=b"12x"),
    "a digit that octal numbers do not have": header(size=b"9"),
    "a number as Python writes it": header(size=b"1_0"),
    "a number with a prefix": header(size=b"0o10"),
    "a pax number of another script": pax(record("uid=٣".encode())) + header(),
    "a pax number that is a power": pax(record("uid=²".encode())) + header(),
    "a pax number of 5000 digits": pax(b"5010 size=" + b"1" * 4999 + b"\n") + header(),
    "a pax record without length": pax(b"path=a\n") + header(),
    "a pax record that is too long": pax(b"99 path=a\n") + header(),
    "a pax record that is too short": pax(b"3 path=a\n") + header(),
    "a pax record of length 0": pax(b"0 path=a\n") + header(),
    "a pax record whose length has 5000 digits": pax(b"1" * 5000 + b" a=b\n") + header(),
    "a pax record without a line's end": pax(b"10 path=abc") + header(),
    "a pax record without a value": pax(record(b"path")) + header(),
    "half of an end": header() + bytes(100),
    "a wrong checksum": b"b" + header()[1:],
    "no tar at all": b"PK\3\4" * 200,
    "a name and nothing after it": pax(record(b"path=x")),
    "a name and then the end": pax(record(b"path=x")) + tar.END,
    "a name of 2 MiB": header(flag=b"L", size=b"%o" % (2 << 20)) + bytes(2 << 20),
    "records of 2 MiB": header(flag=b"x", size=b"%o" % (2 << 20)) + bytes(2 << 20),
    "a size that is not there": header(size=b"1000"),
}


@pytest.mark.parametrize("summary", HOSTILE)
def test_hostile_archives_are_refused(summary: str) -> None:
    with pytest.raises(FormatError, match=r"cannot read (tar )?archive: "):
        read(HOSTILE[summary])


def test_endless_names_fill_no_memory() -> None:
    def endless() -> Iterator[bytes]:
        for number in range(3000):
            yield pax(record(b"key%06d=%b" % (number, b"v" * 80)), record(b"path=a%d" % number))
        yield header()

    [(entry, _)] = tar.read(endless())
    assert entry.path == "a2999"


def test_an_archive_that_is_cut_is_refused_or_ends_between_members() -> None:
    members = [(entry, data) for entry, (data,) in (*CASES.values(), *PAX.values())]
    whole = write(members)
    for size in range(0, len(whole), 64):
        try:
            found = read(whole[:size])
        except FormatError:
            continue
        assert found == members[: len(found)]
        end = len(write(found)) - len(tar.END)
        assert size == end or size >= end + 512


VALID = write(
    [
        *((entry, data) for entry, (data,) in (*CASES.values(), *PAX.values())),
        (Entry("large", Kind.FILE, 0o600, size=1500), b"z" * 1500),
    ]
)


@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(VALID) - 1), st.binary(min_size=1, max_size=20)), min_size=1, max_size=4
    ),
    repaired=st.booleans(),
)
def test_damage_gives_format_errors_and_nothing_else(changes: list[tuple[int, bytes]], *, repaired: bool) -> None:
    data = bytearray(VALID)
    for place, new in changes:
        data[place : place + len(new)] = new
        if repaired:
            _mend(data, place - place % 512)
    try:
        members = read(bytes(data))
    except FormatError:
        return
    for entry, _ in members:
        assert not entry.path.startswith("/")
        assert ".." not in entry.path.split("/")
        assert read(tar.header(replace(entry, size=0)) + tar.END) == [(replace(entry, size=0), b"")]


def _mend(data: bytearray, start: int) -> None:
    """Give a damaged header the checksum it needs to be looked at."""
    block = data[start : start + 512]
    if block[257:262] == b"ustar":
        data[start + 148 : start + 156] = b"%06o\0 " % (sum(block[:148]) + sum(block[156:]) + 256)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a", "a"), ("./a/", "a"), ("a//b", "a/b"), (".", ""), ("", ""), ("...", "..."), ("a./b", "a./b"), (".a", ".a")],
)
def test_clean(path: str, expected: str) -> None:
    assert tar.clean(path) == expected
