"""The tar format: a streaming reader for hostile input and a writer with one form for each entry.

Reads POSIX ustar and pax (IEEE Std 1003.1-2008, pax) and GNU long names; writes ustar, with a pax record only for what
ustar cannot hold. Nothing is left to chance: no user names, no access times, no padding but zeroes.
"""

import re
from collections.abc import Iterable, Iterator

from nosh.values.entry import Entry, Kind
from nosh.values.errors import FormatError

BLOCK = 512
END = bytes(2 * BLOCK)
_ZEROES = bytes(BLOCK)

# A name or pax record longer than this is no file name but an attack on memory.
_META_LIMIT = 1 << 20
# What counts of pax records; the others are not kept, so that an endless row of them fills no memory.
_KEYS = frozenset({"path", "linkpath", "size", "uid", "gid", "mtime"})
_SPARSE = "GNU.sparse."
_DECIMAL = re.compile(r"([0-9]{1,19})(?:\.[0-9]*)?")
# Systems count in 64 bits with a sign.
_LARGEST = (1 << 63) - 1
_KINDS = {
    b"0": Kind.FILE,
    b"\0": Kind.FILE,
    b"7": Kind.FILE,
    b"5": Kind.DIRECTORY,
    b"2": Kind.SYMLINK,
    b"1": Kind.HARDLINK,
}
_FLAGS = {Kind.FILE: b"0", Kind.DIRECTORY: b"5", Kind.SYMLINK: b"2", Kind.HARDLINK: b"1"}
_ESCAPE = "surrogateescape"


class _Stream:
    """Bytes that come in chunks of any size, taken out in pieces of the size asked for."""

    __slots__ = ("_buffer", "_chunks", "_position")

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._buffer = memoryview(b"")
        self._position = 0

    def some(self, limit: int) -> memoryview:
        """Return between 1 and `limit` bytes without copying; empty at the end."""
        while self._position >= len(self._buffer):
            chunk = next(self._chunks, None)
            if chunk is None:
                return memoryview(b"")
            self._buffer, self._position = memoryview(chunk), 0
        part = self._buffer[self._position : self._position + limit]
        self._position += len(part)
        return part

    def take(self, size: int) -> bytes:
        """Return exactly `size` bytes, or fewer at the end."""
        part = self.some(size)
        if len(part) == size:
            return bytes(part)
        parts = bytearray(part)
        while len(parts) < size and (part := self.some(size - len(parts))):
            parts += part
        return bytes(parts)

    def skip(self, size: int) -> None:
        while size:
            part = self.some(size)
            if not part:
                raise FormatError("cannot read tar archive: it ends inside a member")
            size -= len(part)


class _Body:
    """A member's contents; what the reader of the archive leaves is skipped."""

    __slots__ = ("_left", "_stream")

    def __init__(self, stream: _Stream, size: int) -> None:
        self._stream = stream
        self._left = size

    def __iter__(self) -> Iterator[memoryview]:
        while self._left:
            part = self._stream.some(self._left)
            if not part:
                raise FormatError("cannot read tar archive: it ends inside a member")
            self._left -= len(part)
            yield part

    def drain(self, padding: int) -> None:
        self._stream.skip(self._left + padding)
        self._left = 0


def read(chunks: Iterable[bytes]) -> Iterator[tuple[Entry, Iterable[memoryview]]]:
    """Yield each member and its contents, which have to be read before the next member is asked for.

    Paths come out relative and clean. The root directory itself comes as path ``""``.

    Raises:
        FormatError: the archive is damaged, or a member is absolute, leaves the root or is a device.
    """
    stream = _Stream(chunks)
    extra: dict[str, str] = {}
    while (block := stream.take(BLOCK)) and block != _ZEROES:
        size, flag = _open(block)
        padding = -size % BLOCK
        if flag in b"xgLK":
            extra |= _meta(stream, flag, size)
            stream.skip(padding)
            continue
        entry = _entry(block, flag, extra=extra)
        size = entry.size
        body = _Body(stream, size)
        yield entry, body
        body.drain(-size % BLOCK)
        extra = {}
    if extra:
        raise FormatError("cannot read tar archive: it ends after a name")
    for _ in iter(lambda: stream.some(1 << 20), memoryview(b"")):
        pass


def _open(block: bytes) -> tuple[int, bytes]:
    if len(block) < BLOCK:
        raise FormatError("cannot read tar archive: it ends inside a header")
    stated = _number(block[148:156])
    if stated != sum(block) - sum(block[148:156]) + 8 * 32:
        raise FormatError("cannot read tar archive: a header's checksum is wrong")
    return _number(block[124:136]), block[156:157]


def _number(field: bytes) -> int:
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") - (0x80 << 8 * (len(field) - 1))
        if field[0] & 0x40 or value > _LARGEST:
            raise FormatError("cannot read tar archive: a header has a negative number, or one beyond all measure")
        return value
    text = field.split(b"\0", 1)[0].strip() or b"0"
    # Python would read more than the format has: signs, underscores, a prefix.
    if text.strip(b"01234567"):
        raise FormatError(f"cannot read tar archive: {field!r} is not a number")
    return int(text, 8)


def _meta(stream: _Stream, flag: bytes, size: int) -> dict[str, str]:
    if size > _META_LIMIT:
        raise FormatError(f"cannot read tar archive: a name of {size} bytes (more than {_META_LIMIT})")
    data = stream.take(size)
    if len(data) < size:
        raise FormatError("cannot read tar archive: it ends inside a name")
    if flag == b"g":
        return {}
    if flag != b"x":
        name = data.split(b"\0", 1)[0].decode(errors=_ESCAPE)
        return {"path" if flag == b"L" else "linkpath": name}
    records = dict(_pax(data))
    if any(key.startswith(_SPARSE) for key in records):
        raise FormatError("cannot read tar archive: it has a sparse file")
    return {key: value for key, value in records.items() if key in _KEYS}


def _pax(data: bytes) -> Iterator[tuple[str, str]]:
    while data:
        length, _, _ = data.partition(b" ")
        size = int(length) if length.isdigit() and len(length) < 9 else 0
        record, end, data = data[len(length) + 1 : size - 1], data[size - 1 : size], data[size:]
        key, equals, value = record.partition(b"=")
        if not (key and equals) or end != b"\n":
            raise FormatError("cannot read tar archive: a pax record is malformed")
        yield key.decode(errors=_ESCAPE), value.decode(errors=_ESCAPE)


def _entry(block: bytes, flag: bytes, *, extra: dict[str, str]) -> Entry:
    path = extra.get("path") or _name(block)
    kind = _KINDS.get(flag)
    if kind is None:
        raise FormatError(f"cannot read tar archive: {path} is a device, pipe or other special file")
    if kind is Kind.FILE and path.endswith("/"):
        kind = Kind.DIRECTORY
    target = extra.get("linkpath") or block[157:257].split(b"\0", 1)[0].decode(errors=_ESCAPE)
    if kind in {Kind.SYMLINK, Kind.HARDLINK} and (not target or "\0" in target):
        raise FormatError(f"cannot read tar archive: {path!r} links to nothing, or has a NUL byte in its target")
    path = clean(path)
    if not path and kind is not Kind.DIRECTORY:
        raise FormatError("cannot read tar archive: the root is not a directory")
    return Entry(
        path=path,
        kind=kind,
        mode=_number(block[100:108]) & 0o7777,
        uid=_decimal(extra.get("uid"), block[108:116]),
        gid=_decimal(extra.get("gid"), block[116:124]),
        mtime=_decimal(extra.get("mtime"), block[136:148]),
        size=_decimal(extra.get("size"), block[124:136]) if kind is Kind.FILE else 0,
        target=clean(target) if kind is Kind.HARDLINK else target if kind is Kind.SYMLINK else "",
    )


def _name(block: bytes) -> str:
    name = block[:100].split(b"\0", 1)[0]
    prefix = block[345:500].split(b"\0", 1)[0] if block[257:263] == b"ustar\0" else b""
    return (prefix + b"/" + name if prefix else name).decode(errors=_ESCAPE)


def _decimal(text: str | None, field: bytes) -> int:
    if text is None:
        return _number(field)
    found = _DECIMAL.fullmatch(text)
    if not found or int(found[1]) > _LARGEST:
        raise FormatError(f"cannot read tar archive: {text[:100]!r} is not a number")
    return int(found[1])


def clean(path: str) -> str:
    """Return a member's path relative to the root.

    Raises:
        FormatError: it is absolute, leaves the root or has a NUL byte in it.
    """
    if path.startswith("/"):
        raise FormatError(f"cannot read archive: member {path!r} has an absolute path")
    if "\0" in path:
        raise FormatError(f"cannot read archive: member {path!r} has a NUL byte in its path")
    if "//" not in path and "./" not in path and not path.endswith((".", "/")):
        return path
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise FormatError(f"cannot read archive: member {path!r} leaves the root")
    return "/".join(parts)


def header(entry: Entry) -> bytes:
    """Return the header blocks of an entry; its contents and their padding follow."""
    name = entry.path.encode(errors=_ESCAPE)
    if entry.kind is Kind.DIRECTORY:
        name += b"/" if name else b"./"
    target = entry.target.encode(errors=_ESCAPE)
    records: list[tuple[bytes, bytes]] = []
    prefix, short = _split(name)
    if not short:
        records.append((b"path", name))
        prefix, short = b"", name[:100]
    if len(target) > 100:
        records.append((b"linkpath", target))
        target = target[:100]
    for key, value, digits in (
        (b"size", entry.size, 11),
        (b"uid", entry.uid, 7),
        (b"gid", entry.gid, 7),
        (b"mtime", entry.mtime, 11),
    ):
        if value >= 8**digits:
            records.append((key, b"%d" % value))
    block = _ustar(entry, short, prefix=prefix, target=target, flag=_FLAGS[entry.kind])
    return (_pax_header(records) if records else b"") + block


def padding(size: int) -> bytes:
    """Return the zeroes that fill contents of `size` bytes up to a block."""
    return bytes(-size % BLOCK)


def _split(name: bytes) -> tuple[bytes, bytes]:
    if len(name) <= 100:
        return b"", name
    cut = name.rfind(b"/", 0, 156)
    cut = cut if len(name) - cut - 1 else name.rfind(b"/", 0, cut)
    if cut > 0 and 0 < len(name) - cut - 1 <= 100:
        return name[:cut], name[cut + 1 :]
    return b"", b""


def _ustar(entry: Entry, name: bytes, *, prefix: bytes, target: bytes, flag: bytes) -> bytes:
    before = b"%b%07o\0%07o\0%07o\0%011o\0%011o\0" % (
        name.ljust(100, b"\0"),
        entry.mode,
        entry.uid & 0o7777777,
        entry.gid & 0o7777777,
        entry.size & 0o77777777777,
        entry.mtime & 0o77777777777,
    )
    after = b"%b%bustar\00000%b%b%b" % (
        flag,
        target.ljust(100, b"\0"),
        bytes(64) + b"0000000\0" * 2,
        prefix.ljust(155, b"\0"),
        bytes(12),
    )
    checksum = sum(before) + sum(after) + 8 * 32
    return b"%b%06o\0 %b" % (before, checksum, after)


def _pax_header(records: list[tuple[bytes, bytes]]) -> bytes:
    data = b"".join(_record(key, value) for key, value in records)
    about = Entry(path="PaxHeader", kind=Kind.FILE, mode=0o644, size=len(data))
    return _ustar(about, b"PaxHeader", prefix=b"", target=b"", flag=b"x") + data + padding(len(data))


def _record(key: bytes, value: bytes) -> bytes:
    rest = b" %b=%b\n" % (key, value)
    length = len(rest)
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d%b" % (length, rest)
