"""The dynamic linker's cache, /etc/ld.so.cache, as glibc 2.33 and newer write it (format 1.1 with extensions)."""

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from nosh.values.errors import FormatError

_MAGIC = b"glibc-ld.so.cache1.1"
_HEADER = "<20sIIB3xI12x"
_ENTRY = "<iIIIQ"
_LITTLE_ENDIAN = 2
_EXTENSION = 0xEAA42174
_GENERATOR = 0


@dataclass(frozen=True, slots=True)
class Library:
    """An entry: the name that programs ask for, the file, and flags for the kind of library."""

    soname: str
    path: str
    flags: int


def render(libraries: Iterable[Library], generator: str) -> bytes:
    """Return the cache of some libraries.

    Args:
        libraries: in any order; of two for one name, the first is found first.
        generator: what the cache says made it.
    """
    entries = sorted(libraries, key=lambda library: (_order(library.soname), library.flags), reverse=True)
    start = struct.calcsize(_HEADER) + struct.calcsize(_ENTRY) * len(entries)
    offsets, strings = _strings({text for library in entries for text in (library.soname, library.path)})
    rows = b"".join(
        struct.pack(_ENTRY, entry.flags, start + offsets[entry.soname], start + offsets[entry.path], 0, 0)
        for entry in entries
    )
    extension = -(-(start + len(strings)) // 4) * 4
    header = struct.pack(_HEADER, _MAGIC, len(entries), len(strings), _LITTLE_ENDIAN, extension)
    padding = bytes(extension - start - len(strings))
    made_by = generator.encode()
    section = struct.pack("<IIIIII", _EXTENSION, 1, _GENERATOR, 0, extension + 24, len(made_by))
    return header + rows + strings + padding + section + made_by


def _order(name: str) -> tuple[tuple[int, int], ...]:
    # The linker searches by halving: runs of digits count as numbers, which are more than any other sign.
    parts = re.findall(r"[0-9]+|[^0-9]", name)
    return tuple((1, int(part)) if part.isdigit() else (0, ord(part)) for part in parts)


def _strings(texts: set[str]) -> tuple[dict[str, int], bytes]:
    """Lay strings out once each; one that ends another is found inside it."""
    offsets: dict[str, int] = {}
    table = bytearray()
    previous = b""
    for reverse in sorted((text.encode()[::-1] for text in texts), reverse=True):
        text = reverse[::-1]
        if previous.endswith(text):
            offsets[text.decode()] = len(table) - 1 - len(text)
        else:
            offsets[text.decode()] = len(table)
            table += text + b"\0"
            previous = text
    return offsets, bytes(table)


def read(data: bytes) -> tuple[Library, ...]:
    """Return the entries of a cache, in its order.

    Raises:
        FormatError: it is no cache of this format.
    """
    try:
        magic, count, _, _, _ = struct.unpack_from(_HEADER, data)
        if magic != _MAGIC:
            raise FormatError("cannot read ld.so.cache: it is of another format")
        size = struct.calcsize(_HEADER), struct.calcsize(_ENTRY)
        rows = [struct.unpack_from(_ENTRY, data, size[0] + size[1] * number) for number in range(count)]
        return tuple(Library(_text(data, key), _text(data, value), flags) for flags, key, value, _, _ in rows)
    except (struct.error, ValueError, OverflowError) as error:
        raise FormatError(f"cannot read ld.so.cache: {error}") from error


def _text(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\0", offset)].decode()
