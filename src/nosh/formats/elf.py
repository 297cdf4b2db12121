"""Reading ELF files by their program headers, so that stripped ones say as much (System V gABI, chapter 5).

Damaged or hostile input gives FormatError and nothing else, after a bounded amount of work.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from nosh.values.binary import Binary
from nosh.values.errors import FormatError

MAGIC = b"\x7fELF"

_LOAD, _DYNAMIC, _INTERP, _PROPERTY = 1, 2, 3, 0x6474E553
_NEEDED, _STRTAB, _STRSZ, _SONAME, _RPATH, _RUNPATH = 1, 5, 10, 14, 15, 29
_VERDEF, _VERDEFNUM, _VERNEED, _VERNEEDNUM = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
_X86 = frozenset({3, 62})
_NOTE_PROPERTIES = 5
_ISA_NEEDED = 0xC0008002
# No real file comes near these; they bound the work and the memory that a made-up one can ask for.
_NAMES = 1 << 13
_TEXT = 1 << 13
_NOTES = 1 << 16
_TABLE = 1 << 20
# Most names end within so many bytes.
_SHORT = 64


@dataclass(frozen=True, slots=True)
class _Forms:
    """The records of one word size and byte order.

    Attributes:
        places: where type, offset, address, size in the file and alignment stand in a program header.
        align: bytes to which properties are padded.
    """

    header: struct.Struct
    segment: struct.Struct
    places: tuple[int, int, int, int, int]
    tag: struct.Struct
    need: struct.Struct
    need_version: struct.Struct
    definition: struct.Struct
    note: struct.Struct
    word: struct.Struct
    align: int


def _forms(bits: int, order: str) -> _Forms:
    wide = bits == 64
    word = "Q" if wide else "I"
    return _Forms(
        header=struct.Struct(f"{order}HHI{word}{word}{word}IHHH"),
        segment=struct.Struct(order + ("IIQQQQQQ" if wide else "IIIIIIII")),
        places=(0, 2, 3, 5, 7) if wide else (0, 1, 2, 4, 7),
        tag=struct.Struct(order + word * 2),
        need=struct.Struct(order + "HHIII"),
        need_version=struct.Struct(order + "IHHII"),
        definition=struct.Struct(order + "HHHHIII"),
        note=struct.Struct(order + "III"),
        word=struct.Struct(order + "I"),
        align=bits // 8,
    )


_ALL_FORMS = {(bits, data): _forms(32 * bits, "<>"[data - 1]) for bits in (1, 2) for data in (1, 2)}


@dataclass(slots=True)
class _File:
    """A file while it is read.

    Attributes:
        loads: address, size and offset of what is loaded.
        others: type, offset, size and alignment of the segments that say something of the file.
        tags: the dynamic section without DT_NEEDED; the last of a kind counts.
        table: offset and size of the names.
        budget: how many names may still be read.
    """

    data: memoryview
    forms: _Forms
    loads: list[tuple[int, int, int]]
    others: list[tuple[int, int, int, int]]
    tags: dict[int, int]
    table: tuple[int, int] = (0, 0)
    budget: int = _NAMES


def is_elf(head: bytes) -> bool:
    """Return whether a file that begins so, with four bytes or more, is an ELF file."""
    return head[:4] == MAGIC


def read(data: bytes | bytearray | memoryview) -> Binary:
    """Return what an ELF file says of itself; only the parts that say it are touched.

    Raises:
        FormatError: it is damaged, or no ELF file at all.
    """
    try:
        with memoryview(data) as view:
            return _read(view)
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise FormatError(f"cannot read ELF file: {error}") from error


def _read(data: memoryview) -> Binary:
    ident = bytes(data[:16])
    forms = _ALL_FORMS.get((ident[4], ident[5])) if is_elf(ident) else None
    if forms is None:
        raise FormatError("cannot read ELF file: it does not begin as one")
    kind, machine, _, _, start, _, flags, _, size, count = forms.header.unpack_from(data, 16)
    file = _File(data, forms, [], [], {})
    _read_segments(file, start, size=size * count)
    dynamic, needed = _read_tags(file)
    tags = file.tags
    return Binary(
        bits=32 * ident[4],
        little=ident[5] == 1,
        machine=machine,
        type=kind,
        flags=flags,
        dynamic=dynamic,
        interpreter=_interpreter(file),
        soname=_name(file, tags[_SONAME]) if _SONAME in tags else "",
        needed=tuple([_name(file, place) for place in needed]),
        rpath=_folders(file, _RPATH),
        runpath=_folders(file, _RUNPATH),
        verneed=_verneed(file) if _VERNEED in tags else (),
        verdef=_verdef(file) if _VERDEF in tags else (),
        isa=_isa(file) if machine in _X86 else 0,
    )


def _part(file: _File, offset: int, *, size: int) -> memoryview:
    part = file.data[offset : offset + size]
    if len(part) != size:
        raise FormatError("cannot read ELF file: it ends early")
    return part


def _read_segments(file: _File, start: int, *, size: int) -> None:
    # Object files have no program headers, and some tools then write a size of their own for one.
    form = file.forms.segment
    if size % form.size:
        raise FormatError("cannot read ELF file: its program headers are of another size")
    of_type, of_offset, of_address, of_size, of_align = file.forms.places
    for row in form.iter_unpack(_part(file, start, size=size)):
        kind = row[of_type]
        if kind == _LOAD:
            file.loads.append((row[of_address], row[of_size], row[of_offset]))
        elif kind in {_DYNAMIC, _INTERP, _PROPERTY}:
            file.others.append((kind, row[of_offset], row[of_size], row[of_align]))


def _read_tags(file: _File) -> tuple[bool, list[int]]:
    """Note the dynamic section's tags; return whether there is one, and the places of the needed names."""
    # Files with nothing but debug information keep the header of a section they no longer have.
    found = next(((offset, size) for kind, offset, size, _ in file.others if kind == _DYNAMIC and size), None)
    if found is None:
        return False, []
    offset, size = found
    form = file.forms.tag
    needed = []
    for tag, value in form.iter_unpack(_part(file, offset, size=min(size - size % form.size, _TABLE))):
        if tag == _NEEDED:
            needed.append(value)
        elif tag:
            file.tags[tag] = value
        else:
            break
    if _STRTAB in file.tags:
        start = _offset(file, file.tags[_STRTAB])
        file.table = (start, file.tags.get(_STRSZ, len(file.data) - start))
    return True, needed


def _offset(file: _File, address: int) -> int:
    for first, size, offset in file.loads:
        if first <= address < first + size:
            return address - first + offset
    raise FormatError("cannot read ELF file: an address is in no segment")


def _name(file: _File, place: int) -> str:
    start, size = file.table
    file.budget -= 1
    if place >= size or file.budget < 0:
        raise FormatError("cannot read ELF file: its names are out of place or too many")
    text = bytes(file.data[start + place : start + min(place + _SHORT, size)])
    end = text.find(0)
    if end < 0:
        text = bytes(file.data[start + place : start + min(place + _TEXT, size)])
        end = text.index(0)
    return text[:end].decode("utf-8", "surrogateescape")


def _folders(file: _File, tag: int) -> tuple[str, ...]:
    text = _name(file, file.tags[tag]) if tag in file.tags else ""
    return tuple(text.split(":")) if text else ()


def _interpreter(file: _File) -> str:
    for kind, offset, size, _ in file.others:
        if kind == _INTERP:
            text = bytes(_part(file, offset, size=min(size, _TEXT)))
            return text.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
    return ""


def _verneed(file: _File) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the versions that are needed (Linux Standard Base, symbol versioning)."""
    found = []
    at = _offset(file, file.tags[_VERNEED])
    for _ in range(file.tags.get(_VERNEEDNUM, 0)):
        _, count, library, first, after = file.forms.need.unpack_from(file.data, at)
        versions = []
        place = at + first
        for _ in range(count):
            _, _, _, name, further = file.forms.need_version.unpack_from(file.data, place)
            versions.append(_name(file, name))
            place += further
            if not further:
                break
        found.append((_name(file, library), tuple(versions)))
        at += after
        if not after:
            break
    return tuple(found)


def _verdef(file: _File) -> tuple[str, ...]:
    """Return the versions that are defined (Linux Standard Base, symbol versioning)."""
    found = []
    at = _offset(file, file.tags[_VERDEF])
    for _ in range(file.tags.get(_VERDEFNUM, 0)):
        _, flags, _, _, _, first, after = file.forms.definition.unpack_from(file.data, at)
        name = _name(file, file.forms.word.unpack_from(file.data, at + first)[0])
        # VER_FLG_BASE marks the one named after the file itself.
        if not flags & 1:
            found.append(name)
        at += after
        if not after:
            break
    return tuple(found)


def _isa(file: _File) -> int:
    """Return the x86 level bits of the program's properties (x86-64 psABI, program property)."""
    level = 0
    for kind, offset, size, align in file.others:
        if kind == _PROPERTY:
            notes = _part(file, offset, size=min(size, _NOTES))
            for properties in _properties(file.forms, notes, 8 if align == 8 else 4):
                level |= _level(file.forms, properties)
    return level


def _properties(forms: _Forms, notes: memoryview, align: int) -> Iterator[memoryview]:
    at = 0
    while at + 12 <= len(notes):
        name, size, kind = forms.note.unpack_from(notes, at)
        content = _up(at + 12 + name, align)
        if kind == _NOTE_PROPERTIES and bytes(notes[at + 12 : at + 16]) == b"GNU\0":
            yield notes[content : content + size]
        at = _up(content + size, align)


def _level(forms: _Forms, properties: memoryview) -> int:
    at = 0
    while at + 12 <= len(properties):
        kind, size, value = forms.note.unpack_from(properties, at)
        if kind == _ISA_NEEDED and size == 4:
            return int(value)
        at = _up(at + 8 + size, forms.align)
    return 0


def _up(number: int, align: int) -> int:
    return -(-number // align) * align
