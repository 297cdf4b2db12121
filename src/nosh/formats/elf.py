"""Reading ELF files by their program headers, so that stripped ones say as much (System V ABI, chapters 4 and 5).

Damaged or hostile input gives FormatError and nothing else.
"""

import struct
from dataclasses import dataclass

from nosh.values.binary import Binary
from nosh.values.errors import FormatError

MAGIC = b"\x7fELF"

_LOAD, _DYNAMIC, _INTERP, _NOTE, _PROPERTY = 1, 2, 3, 4, 0x6474E553
_NULL, _NEEDED, _STRTAB, _STRSZ, _SONAME, _RPATH, _RUNPATH = 0, 1, 5, 10, 14, 15, 29
_VERDEF, _VERDEFNUM, _VERNEED, _VERNEEDNUM = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
_ISA_NEEDED = 0xC0008002
# No real file comes near these; they bound the work on made-up ones.
_MANY = 1 << 16
_STRING = 4096


@dataclass(frozen=True, slots=True)
class _Segment:
    type: int
    offset: int
    address: int
    size: int


@dataclass(frozen=True, slots=True)
class _File:
    data: memoryview
    order: str
    bits: int
    segments: tuple[_Segment, ...]

    def unpack(self, form: str, offset: int) -> tuple[int, ...]:
        return struct.unpack_from(self.order + form, self.data, offset)

    def offset(self, address: int) -> int:
        """Return where an address stands in the file."""
        for segment in self.segments:
            if segment.type == _LOAD and segment.address <= address < segment.address + segment.size:
                return address - segment.address + segment.offset
        raise FormatError("cannot read ELF file: an address is in no segment")


def is_elf(head: bytes) -> bool:
    """Whether a file that begins so is an ELF file."""
    return head[:4] == MAGIC


def read(data: bytes | bytearray | memoryview) -> Binary:
    """Return what an ELF file says of itself.

    Raises:
        FormatError: it is damaged.
    """
    try:
        return _read(memoryview(data))
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise FormatError(f"cannot read ELF file: {error}") from error


def _read(data: memoryview) -> Binary:
    ident = bytes(data[:16])
    if not is_elf(ident) or len(ident) < 16 or ident[4] not in {1, 2} or ident[5] not in {1, 2}:
        raise FormatError("cannot read ELF file: it does not begin as one")
    bits, order = 32 * ident[4], "<" if ident[5] == 1 else ">"
    word = "Q" if bits == 64 else "I"
    kind, machine, _, _, start, _, flags, _, entry_size, count = struct.unpack_from(
        f"{order}HHI{word}{word}{word}IHHH", data, 16
    )
    segments = _segments(data, order, bits, (start, entry_size, count))
    file = _File(data, order, bits, segments)
    dynamic = next((segment for segment in segments if segment.type == _DYNAMIC and segment.size), None)
    tags = _tags(file, dynamic) if dynamic else ()
    abi, isa = _notes(file)
    known = dict(tags)
    strings = _Strings(file, known)
    return Binary(
        bits=bits,
        little=order == "<",
        machine=machine,
        type=kind,
        flags=flags,
        dynamic=dynamic is not None,
        interpreter=_interpreter(file),
        soname=strings.at(known[_SONAME]) if _SONAME in known else "",
        needed=tuple(strings.at(value) for tag, value in tags if tag == _NEEDED),
        rpath=_paths(strings, known.get(_RPATH)),
        runpath=_paths(strings, known.get(_RUNPATH)),
        verneed=_verneed(file, strings, known),
        verdef=_verdef(file, strings, known),
        abi=abi,
        isa=isa,
    )


def _segments(data: memoryview, order: str, bits: int, table: tuple[int, int, int]) -> tuple[_Segment, ...]:
    start, size, count = table
    found = []
    for number in range(count):
        at = start + number * size
        if bits == 64:
            kind, _, offset, address, _, length = struct.unpack_from(order + "IIQQQQ", data, at)
        else:
            kind, offset, address, _, length = struct.unpack_from(order + "IIIII", data, at)
        found.append(_Segment(kind, offset, address, length))
    return tuple(found)


def _tags(file: _File, dynamic: _Segment) -> tuple[tuple[int, int], ...]:
    form, size = ("qQ", 16) if file.bits == 64 else ("iI", 8)
    found = []
    for number in range(min(dynamic.size // size, _MANY)):
        tag, value = file.unpack(form, dynamic.offset + number * size)
        if tag == _NULL:
            break
        found.append((tag, value))
    return tuple(found)


class _Strings:
    """The dynamic string table."""

    def __init__(self, file: _File, known: dict[int, int]) -> None:
        self._data = file.data
        self._start = file.offset(known[_STRTAB]) if _STRTAB in known else 0
        self._size = known.get(_STRSZ, 0)

    def at(self, offset: int) -> str:
        if offset >= self._size:
            raise FormatError("cannot read ELF file: a name is outside of the string table")
        begin = self._start + offset
        text = bytes(self._data[begin : min(begin + _STRING, self._start + self._size)])
        end = text.find(b"\0")
        if end < 0:
            raise FormatError("cannot read ELF file: a name has no end")
        return text[:end].decode("utf-8", "surrogateescape")


def _paths(strings: _Strings, offset: int | None) -> tuple[str, ...]:
    return tuple(part for part in strings.at(offset).split(":") if part) if offset is not None else ()


def _interpreter(file: _File) -> str:
    for segment in file.segments:
        if segment.type == _INTERP:
            text = bytes(file.data[segment.offset : segment.offset + min(segment.size, _STRING)])
            return text.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
    return ""


def _verneed(file: _File, strings: _Strings, known: dict[int, int]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if _VERNEED not in known:
        return ()
    found = []
    at = file.offset(known[_VERNEED])
    for _ in range(min(known.get(_VERNEEDNUM, 0), _MANY)):
        _, count, library, first, after = file.unpack("HHIII", at)
        versions = []
        place = at + first
        for _ in range(count):
            _, _, _, name, further = file.unpack("IHHII", place)
            versions.append(strings.at(name))
            if not further:
                break
            place += further
        found.append((strings.at(library), tuple(versions)))
        if not after:
            break
        at += after
    return tuple(found)


def _verdef(file: _File, strings: _Strings, known: dict[int, int]) -> tuple[str, ...]:
    if _VERDEF not in known:
        return ()
    found = []
    at = file.offset(known[_VERDEF])
    for _ in range(min(known.get(_VERDEFNUM, 0), _MANY)):
        _, flags, _, _, _, first, after = file.unpack("HHHHIII", at)
        name, _ = file.unpack("II", at + first)
        # The first definition (VER_FLG_BASE) is the file's own name and no version.
        if not flags & 1:
            found.append(strings.at(name))
        if not after:
            break
        at += after
    return tuple(found)


def _notes(file: _File) -> tuple[tuple[int, ...], int]:
    abi: tuple[int, ...] = ()
    isa = 0
    for segment in file.segments:
        if segment.type not in {_NOTE, _PROPERTY}:
            continue
        at, end = segment.offset, segment.offset + min(segment.size, _MANY)
        while at + 12 <= end:
            name_size, size, kind = file.unpack("III", at)
            name = bytes(file.data[at + 12 : at + 12 + min(name_size, 16)])
            content = at + 12 + (name_size + 3 & ~3)
            if name == b"GNU\0" and kind == 1 and size >= 16:
                abi = file.unpack("IIII", content)
            if name == b"GNU\0" and kind == 5:
                isa |= _isa(file, content, content + min(size, _MANY))
            align = 8 if file.bits == 64 and segment.type == _PROPERTY else 4
            at = content + (size + align - 1 & ~(align - 1))
    return abi, isa


def _isa(file: _File, at: int, end: int) -> int:
    align = 8 if file.bits == 64 else 4
    while at + 8 <= end:
        kind, size = file.unpack("II", at)
        if kind == _ISA_NEEDED and size >= 4:
            return file.unpack("I", at + 8)[0]
        at += 8 + (size + align - 1 & ~(align - 1))
    return 0
