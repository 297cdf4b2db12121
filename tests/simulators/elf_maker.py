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
        self.data += _text(name)
        return place


def make(binary: Binary, *, isa_segment: bool = True) -> bytes:
    """Return a file that says of itself what `binary` says; it has no section headers and no code.

    Args:
        isa_segment: whether the x86 level has a PT_GNU_PROPERTY segment, or a note only.
    """
    order, word = "<" if binary.little else ">", "Q" if binary.bits == 64 else "I"
    names = _Names()
    tags = _tags(binary, names)
    parts = {
        "interp": _text(binary.interpreter) if binary.interpreter else b"",
        "note": _note(binary, order) if binary.isa else b"",
        "verneed": _verneed(binary, names, order),
        "verdef": _verdef(binary, names, order),
        "names": bytes(names.data) if binary.dynamic else b"",
        "dynamic": bytes((len(tags) + 1) * 2 * struct.calcsize("<" + word)) if binary.dynamic else b"",
    }
    kinds = {3: "interp", 2: "dynamic", 4: "note"} | ({0x6474E553: "note"} if isa_segment else {})
    kinds = {kind: part for kind, part in kinds.items() if parts[part]}
    header_size, segment_size = (64, 56) if binary.bits == 64 else (52, 32)
    places, at = {}, header_size + segment_size * (len(kinds) + 1)
    for name, content in parts.items():
        places[name] = -(-at // 8) * 8
        at = places[name] + len(content)
    if binary.dynamic:
        values = {name: BASE + place for name, place in places.items()} | {"size": len(names.data)}
        rows = [(tag, values[value] if isinstance(value, str) else value) for tag, value in tags]
        parts["dynamic"] = b"".join(struct.pack(order + word * 2, *row) for row in [*rows, (0, 0)])
    segments = [_segment(binary, 1, (0, BASE, at))]
    for kind, part in kinds.items():
        segments.append(_segment(binary, kind, (places[part], BASE + places[part], len(parts[part]))))
    file = bytearray(_header(binary, header_size, (segment_size, len(segments))) + b"".join(segments)).ljust(at, b"\0")
    for name, content in parts.items():
        file[places[name] : places[name] + len(content)] = content
    return bytes(file)


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape") + b"\0"


def _header(binary: Binary, size: int, segments: tuple[int, int]) -> bytes:
    ident = b"\x7fELF" + bytes([binary.bits // 32, 1 if binary.little else 2, 1]) + bytes(9)
    order, word = "<" if binary.little else ">", "Q" if binary.bits == 64 else "I"
    values = (binary.type, binary.machine, 1, 0, size, 0, binary.flags, size, *segments, 0, 0, 0)
    return ident + struct.pack(f"{order}HHI{word}{word}{word}IHHHHHH", *values)


def _tags(binary: Binary, names: _Names) -> list[tuple[int, int | str]]:
    """Return the dynamic section; a value that is text stands for the place of that part."""
    tags: list[tuple[int, int | str]] = [(1, names.add(name)) for name in binary.needed]
    tags += [(14, names.add(binary.soname))] if binary.soname else []
    tags += [(15, names.add(":".join(binary.rpath)))] if binary.rpath else []
    tags += [(29, names.add(":".join(binary.runpath)))] if binary.runpath else []
    tags += [(0x6FFFFFFE, "verneed"), (0x6FFFFFFF, len(binary.verneed))] if binary.verneed else []
    tags += [(0x6FFFFFFC, "verdef"), (0x6FFFFFFD, len(binary.verdef) + 1)] if binary.verdef else []
    return [*tags, (5, "names"), (10, "size")]


def _segment(binary: Binary, kind: int, place: tuple[int, int, int]) -> bytes:
    offset, address, size = place
    order = "<" if binary.little else ">"
    if binary.bits == 64:
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
    all_names = [(1, binary.soname or "base"), *((0, version) for version in binary.verdef)] if binary.verdef else []
    for number, (flags, name) in enumerate(all_names):
        after = 28 if number + 1 < len(all_names) else 0
        out += struct.pack(order + "HHHHIII", 1, flags, number + 1, 1, 0, 20, after)
        out += struct.pack(order + "II", names.add(name), 0)
    return bytes(out)
