"""Makes small ELF files: the inverse of `nosh.formats.elf.read`, written from the specification on its own."""

import struct

from nosh.values.binary import Binary

# Addresses differ from offsets, so that a reader that mixes them up is found out.
BASE = 0x10000


class _Names:
    def __init__(self) -> None:
        self.data = bytearray(b"\0")

    def add(self, name: str) -> int:
        place = len(self.data)
        self.data += name.encode("utf-8", "surrogateescape") + b"\0"
        return place


def make(binary: Binary, *, isa_segment: bool = True) -> bytes:
    """Return a file that says of itself what `binary` says; it has no section headers and no code.

    Args:
        isa_segment: whether the x86 level has a PT_GNU_PROPERTY segment, or a note only.
    """
    order = "<" if binary.little else ">"
    wide = binary.bits == 64
    word = "Q" if wide else "I"
    names = _Names()
    tags = _tags(binary, names)
    parts = {
        "interp": binary.interpreter.encode("utf-8", "surrogateescape") + b"\0"
        if binary.interpreter
        else b"",
        "note": _note(binary, order) if binary.isa else b"",
        "verneed": _verneed(binary, names, order),
        "verdef": _verdef(binary, names, order),
        "names": b"",
        "dynamic": b"",
    }
    tags += [(5, "names"), (10, len(names.data))]
    tags += [(0x6FFFFFFE, "verneed"), (0x6FFFFFFF, len(binary.verneed))] if binary.verneed else []
    tags += [(0x6FFFFFFC, "verdef"), (0x6FFFFFFD, len(binary.verdef) + 1)] if binary.verdef else []
    if binary.dynamic:
        parts["names"] = bytes(names.data)
        parts["dynamic"] = bytes((len(tags) + 1) * 2 * struct.calcsize("<" + word))
    notes = ["note", "property"] if isa_segment else ["note"]
    kinds = [
        (kind, part)
        for kind, part in ((3, "interp"), (2, "dynamic"), *((_NOTES[name], "note") for name in notes))
        if parts[part]
    ]
    header_size, segment_size = (64, 56) if wide else (52, 32)
    places, at = {}, header_size + segment_size * (len(kinds) + 1)
    for name, content in parts.items():
        at = -(-at // 8) * 8
        places[name] = at
        at += len(content)
    if binary.dynamic:
        rows = [
            (tag, BASE + places[value] if isinstance(value, str) else value) for tag, value in [*tags, (0, 0)]
        ]
        parts["dynamic"] = b"".join(struct.pack(order + word * 2, *row) for row in rows)
    segments = [_segment(order, wide, 1, (0, BASE, at))]
    segments += [
        _segment(order, wide, kind, (places[part], BASE + places[part], len(parts[part])))
        for kind, part in kinds
    ]
    ident = b"\x7fELF" + bytes([binary.bits // 32, 1 if binary.little else 2, 1]) + bytes(9)
    header = struct.pack(
        f"{order}HHI{word}{word}{word}IHHHHHH",
        *(binary.type, binary.machine, 1, 0, header_size, 0, binary.flags),
        *(header_size, segment_size, len(segments), 0, 0, 0),
    )
    file = bytearray(at)
    begin = ident + header + b"".join(segments)
    file[: len(begin)] = begin
    for name, content in parts.items():
        file[places[name] : places[name] + len(content)] = content
    return bytes(file)


_NOTES = {"note": 4, "property": 0x6474E553}


def _tags(binary: Binary, names: _Names) -> list[tuple[int, int | str]]:
    tags: list[tuple[int, int | str]] = [(1, names.add(name)) for name in binary.needed]
    tags += [(14, names.add(binary.soname))] if binary.soname else []
    tags += [(15, names.add(":".join(binary.rpath)))] if binary.rpath else []
    tags += [(29, names.add(":".join(binary.runpath)))] if binary.runpath else []
    return tags


def _segment(order: str, wide: bool, kind: int, place: tuple[int, int, int]) -> bytes:  # noqa: FBT001  the maker's own
    offset, address, size = place
    if wide:
        return struct.pack(order + "IIQQQQQQ", kind, 4, offset, address, address, size, size, 8)
    return struct.pack(order + "IIIIIIII", kind, offset, address, address, size, size, 4, 4)


def _note(binary: Binary, order: str) -> bytes:
    padding = b"\0" * 4 if binary.bits == 64 else b""
    # Another property of x86 first (which features are used), as in real files.
    properties = struct.pack(order + "III", 0xC0000002, 4, 3) + padding
    properties += struct.pack(order + "III", 0xC0008002, 4, binary.isa) + padding
    return struct.pack(order + "III", 4, len(properties), 5) + b"GNU\0" + properties


def _verneed(binary: Binary, names: _Names, order: str) -> bytes:
    out = bytearray()
    for library, versions in binary.verneed:
        last = (library, versions) == binary.verneed[-1]
        size = 16 + 16 * len(versions)
        out += struct.pack(order + "HHIII", 1, len(versions), names.add(library), 16, 0 if last else size)
        for number, version in enumerate(versions):
            further = 16 if number + 1 < len(versions) else 0
            out += struct.pack(order + "IHHII", 0, 0, number + 2, names.add(version), further)
    return bytes(out)


def _verdef(binary: Binary, names: _Names, order: str) -> bytes:
    out = bytearray()
    all_names = (
        [(1, binary.soname or "base"), *((0, version) for version in binary.verdef)] if binary.verdef else []
    )
    for number, (flags, name) in enumerate(all_names):
        after = 28 if number + 1 < len(all_names) else 0
        out += struct.pack(order + "HHHHIII", 1, flags, number + 1, 1, 0, 20, after)
        out += struct.pack(order + "II", names.add(name), 0)
    return bytes(out)
