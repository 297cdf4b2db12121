"""The loader's cache of libraries, /etc/ld.so.cache: chosen and written as the C library's ldconfig does it.

The format is glibc's ``glibc-ld.so.cache1.1``: a header, entries of 24 bytes, names, and an extension with the name of
the program that wrote it and, if there are any, the names of the ``glibc-hwcaps`` folders.
"""

import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from posixpath import dirname, normpath

from nosh.values.binary import Binary
from nosh.values.errors import FormatError

PATH = "etc/ld.so.cache"
CONFIGURATION = "etc/ld.so.conf"

_MAGIC = b"glibc-ld.so.cache1.1"
_HEADER, _ENTRY, _SECTION = "20sIIB3xI12x", "IIIIQ", "IIII"
_EXTENSION_MAGIC = 0xEAA42174
_GENERATOR, _HWCAPS = 0, 1
_LITTLE, _BIG = 2, 3
_HAS_HWCAPS = 1 << 62
_NUMBERS = re.compile(rb"[0-9]+|.", re.DOTALL)
_BANNER = re.compile(rb"GNU C Library (\([^)\n]*\) [a-z]+ release version [0-9.]*[0-9])\.\n")
# How many links Linux follows in one path; what stands behind more of them is nowhere.
_LINKS = 40
_NOWHERE = "\0"
_BIG_MACHINES = frozenset({"s390x"})
_X86_MACHINES = frozenset({"amd64", "386"})

# ldconfig of x86 looks at e_machine and the word size, those of other machines at the size alone.
_X86 = {(62, 64): 0x0303, (62, 32): 0x0803, (3, 32): 0x0003}
_OTHERS = {
    ("arm64", 64): 0x0A03,
    ("arm64", 32): 0x0003,
    ("arm", 64): 0x0A03,
    ("arm", 32): 0x0003,
    ("ppc64le", 64): 0x0503,
    ("ppc64le", 32): 0x0003,
    ("s390x", 64): 0x0403,
    ("s390x", 32): 0x0003,
    ("riscv64", 64): 0x0003,
}
# Bits of e_flags that say how floating-point numbers are passed, and what their values add to the flags.
_FLOATS = {
    ("arm64", 32): (0xFF000600, {0x05000400: 0x0900, 0x05000200: 0x0B00}),
    ("arm", 32): (0xFF000600, {0x05000400: 0x0900, 0x05000200: 0x0B00}),
    ("riscv64", 64): (0x6, {0x0: 0x0F00, 0x4: 0x1000}),
}


@dataclass(frozen=True, slots=True)
class Library:
    """An entry of the cache.

    Attributes:
        soname: what a program needs.
        path: what the loader opens for it.
        flags: kind of library and machine.
        hwcaps: the folder of ``glibc-hwcaps`` it is in, or nothing.
        level: lowest x86-64 level it runs on, counted from 0; only together with `hwcaps`.
    """

    soname: str
    path: str
    flags: int
    hwcaps: str = ""
    level: int = 0


@dataclass(frozen=True, slots=True)
class Cache:
    """What a cache says: `generator` is the name and version of the program that wrote it."""

    libraries: tuple[Library, ...]
    generator: str


@dataclass(frozen=True, slots=True)
class Selection:
    """What ldconfig would do with a tree.

    Attributes:
        libraries: the entries of the cache, in the order they are found.
        links: path and target of each link it would make or turn, so that entries lead to the newest file.
    """

    libraries: tuple[Library, ...]
    links: tuple[tuple[str, str], ...]


# A tree as far as it matters: path (as an `Entry` has it) -> ELF file, or target of a symbolic link.
Files = Mapping[str, Binary | str]


def generator_of(libc: bytes | bytearray | memoryview) -> str:
    """Return how the ldconfig built together with a libc.so.6 names itself.

    Raises:
        FormatError: the file is not glibc's.
    """
    found = _BANNER.search(libc)
    if not found:
        raise FormatError("cannot find the version of the C library: libc.so.6 has no banner of glibc")
    return f"ldconfig {found[1].decode('utf-8', 'surrogateescape')}"


def system_directories(triplet: str) -> tuple[str, ...]:
    """Return the folders that Debian's ldconfig searches after the configured ones."""
    return f"/lib/{triplet}", f"/usr/lib/{triplet}", "/lib", "/usr/lib"


def configured_directories(configuration: Mapping[str, str]) -> tuple[str, ...]:
    """Return the folders that /etc/ld.so.conf names, with what it includes (ldconfig(8)).

    Args:
        configuration: path (as an `Entry` has it) -> text of all files that may be included.
    """
    return tuple(_configured(configuration, CONFIGURATION, ()))


def _configured(texts: Mapping[str, str], path: str, outer: tuple[str, ...]) -> Iterator[str]:
    if path in outer:
        return
    for line in texts.get(path, "").split("\n"):
        words = line.split("#", 1)[0].strip(" \t\r\f\v")
        keyword, *arguments = words.split() or [""]
        if keyword == "include" and arguments:
            for included in _included(texts, arguments, folder=dirname(path)):
                yield from _configured(texts, included, (*outer, path))
        elif not (keyword == "hwcap" and arguments) and words.rstrip("/"):
            yield words.rstrip("/")


def _included(paths: Iterable[str], patterns: Iterable[str], *, folder: str) -> Iterator[str]:
    for pattern in patterns:
        yield from _matching(paths, pattern, folder=folder)


def _matching(paths: Iterable[str], pattern: str, *, folder: str) -> list[str]:
    wanted = normpath(pattern if pattern.startswith("/") else f"/{folder}/{pattern}")[1:].split("/")
    return sorted(path for path in paths if _matches(path.split("/"), wanted))


def _matches(path: list[str], pattern: list[str]) -> bool:
    return len(path) == len(pattern) and all(
        fnmatchcase(part, wish) and (wish.startswith(".") or not part.startswith("."))
        for part, wish in zip(path, pattern, strict=True)
    )


def select(files: Files, directories: Iterable[str], *, architecture: str) -> Selection:
    """Decide which libraries of a tree stand in its cache.

    Args:
        files: the tree; only its ELF files and symbolic links matter.
        directories: where to search, first one first; those of the same place count once.
        architecture: whose ldconfig it is, by its name in OCI.
    """
    names: dict[str, list[str]] = {}
    for path in files:
        folder, _, name = path.rpartition("/")
        if _is_library(name):
            names.setdefault(folder, []).append(name)
    libraries: list[Library] = []
    links: list[tuple[str, str]] = []
    seen: set[str] = set()
    for directory, real, hwcaps in _folders(files, names, directories=directories):
        if real in seen:
            continue
        seen.add(real)
        chosen = _chosen(files, real, sorted(names.get(real, ())), architecture=architecture)
        for soname, one in chosen.items():
            path = f"{directory}/{one.name if hwcaps else soname}"
            libraries.append(Library(soname, path, one.flags, hwcaps, one.level if hwcaps else 0))
            if not hwcaps and not one.is_link and _wants_link(files, real, name=one.name, soname=soname):
                links.append((f"{real}/{soname}", one.name))
    return Selection(tuple(libraries), tuple(links))


def _is_library(name: str) -> bool:
    if name.endswith((".dpkg-new", ".dpkg-tmp")) or ";" in name:
        return False
    return (name.startswith(("lib", "ld-")) and ".so" in name) or name.startswith(("ld.so.", "ld64.so."))


def _folders(files: Files, names: Iterable[str], *, directories: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield each folder to search, where it really is, and its name if it is one of ``glibc-hwcaps``."""
    for directory in directories:
        real = _resolve(files, directory)
        special = _resolve(files, f"{real}/glibc-hwcaps") + "/"
        found = {path[len(special) :] for path in (*names, *files) if path.startswith(special)}
        for name in sorted({path.partition("/")[0] for path in found}):
            if not name.startswith(".") and ":" not in name:
                yield f"{directory}/glibc-hwcaps/{name}", _resolve(files, special + name), name
        yield directory, real, ""


def _resolve(files: Files, path: str) -> str:
    """Return a path without links, as a process would see it whose root is the tree."""
    done: list[str] = []
    rest = path.split("/")[::-1]
    links = 0
    while rest:
        part = rest.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            del done[-1:]
            continue
        done.append(part)
        target = files.get("/".join(done))
        if isinstance(target, str):
            links += 1
            if links > _LINKS:
                return _NOWHERE
            done = [] if target.startswith("/") else done[:-1]
            rest += target.split("/")[::-1]
    return "/".join(done)


@dataclass(frozen=True, slots=True)
class _Choice:
    name: str
    is_link: bool
    flags: int
    level: int


def _chosen(files: Files, folder: str, names: Iterable[str], *, architecture: str) -> dict[str, _Choice]:
    """Return the file for each soname of a folder: a file rather than a link, the highest number otherwise."""
    chosen: dict[str, _Choice] = {}
    for name in names:
        path = f"{folder}/{name}"
        is_link = isinstance(files[path], str)
        binary = files.get(_resolve(files, path))
        flags = _flags(binary, architecture) if isinstance(binary, Binary) else 0
        if not isinstance(binary, Binary) or not flags:
            continue
        soname = binary.soname or name
        if is_link and (name == soname or (name.endswith(".so") and soname.startswith(name))):
            soname = name
        else:
            # A link with another name counts as one more file of that soname.
            is_link = False
        level = max(binary.isa.bit_length() - 1, 0) if architecture in _X86_MACHINES else 0
        one = _Choice(name, is_link, flags, level)
        if soname not in chosen or _rank(chosen[soname]) < _rank(one):
            chosen[soname] = one
    return chosen


def _rank(one: _Choice) -> tuple[bool, list[tuple[int, int]]]:
    return not one.is_link, _natural(one.name)


def _flags(binary: Binary, architecture: str) -> int:
    """Return the flags of an entry, or 0 for what ldconfig of that machine passes by."""
    if binary.type != 3 or not binary.dynamic or binary.little is (architecture in _BIG_MACHINES):
        return 0
    if architecture in _X86_MACHINES:
        return _X86.get((binary.machine, binary.bits), 0)
    key = (architecture, binary.bits)
    bits, added = _FLOATS.get(key, (0, {}))
    return _OTHERS.get(key, 0) | added.get(binary.flags & bits, 0)


def _wants_link(files: Files, folder: str, *, name: str, soname: str) -> bool:
    if "/" in soname or soname == name or isinstance(files.get(f"{folder}/{soname}"), Binary):
        return False
    return _resolve(files, f"{folder}/{soname}") != _resolve(files, f"{folder}/{name}")


def _natural(name: str) -> list[tuple[int, int]]:
    """Return a key that sorts runs of digits as numbers, after all other characters."""
    return [
        # The numbers are C's, of 32 bits; what is above them falls off, and ten to the 32nd is nothing but that.
        (1, (int(part[-32:]) + 2**31) % 2**32 - 2**31) if part.isdigit() else (0, ord(part))
        for part in _NUMBERS.findall(_bytes(name))
    ]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def write(libraries: Iterable[Library], *, generator: str, big: bool = False) -> bytes:
    """Return a cache; of entries for the same soname those that come first stay first.

    Args:
        libraries: the entries in the order of the searched folders.
        generator: the program to name as its writer, see `generator_of`.
        big: whether the machine's highest byte stands first.
    """
    order = ">" if big else "<"
    entries = sorted(libraries, key=lambda one: (not one.hwcaps, _bytes(one.hwcaps)))
    entries.sort(key=lambda one: (_natural(one.soname), one.flags), reverse=True)
    folders = sorted({_bytes(one.hwcaps) for one in entries if one.hwcaps})
    start = struct.calcsize("<" + _HEADER) + len(entries) * struct.calcsize("<" + _ENTRY)
    names, places = _names({_bytes(name) for one in entries for name in (one.soname, one.path)} | set(folders))
    end = start + len(names)
    extension = -(-end // 4) * 4
    out = [struct.pack(order + _HEADER, _MAGIC, len(entries), len(names), _BIG if big else _LITTLE, extension)]
    for one in entries:
        hwcap = _HAS_HWCAPS | one.level << 32 | folders.index(_bytes(one.hwcaps)) if one.hwcaps else 0
        soname, path = (start + places[_bytes(name)] for name in (one.soname, one.path))
        out.append(struct.pack(order + _ENTRY, one.flags, soname, path, 0, hwcap))
    folder_places = [start + places[folder] for folder in folders]
    out += names, bytes(extension - end), _extension(order, extension, folder_places, _bytes(generator))
    return b"".join(out)


def _names(names: Iterable[bytes]) -> tuple[bytes, dict[bytes, int]]:
    """Return all names, each with an end, and the place of each; one that ends another is not written again."""
    table = bytearray()
    places: dict[bytes, int] = {}
    before = b""
    for name in sorted(names, key=lambda name: name[::-1], reverse=True):
        if before.endswith(name):
            places[name] = places[before] + len(before) - len(name)
        else:
            places[name] = len(table)
            table += name + b"\0"
        before = name
    return bytes(table), places


def _extension(order: str, start: int, folders: Sequence[int], generator: bytes) -> bytes:
    count = 2 if folders else 1
    after = start + 8 + count * struct.calcsize("<" + _SECTION)
    size = 4 * len(folders)
    out = struct.pack(order + "II", _EXTENSION_MAGIC, count)
    out += struct.pack(order + _SECTION, _GENERATOR, 0, after + size, len(generator))
    if folders:
        out += struct.pack(order + _SECTION, _HWCAPS, 0, after, size)
    return out + struct.pack(f"{order}{len(folders)}I", *folders) + generator


def read(data: bytes) -> Cache:
    """Return what a cache says; one that begins with the older format has the newer one inside.

    Raises:
        FormatError: it is damaged, or no cache at all.
    """
    start = data.find(_MAGIC)
    if start < 0:
        raise FormatError("cannot read the cache of libraries: it is in no known format")
    try:
        return _read(data[start:])
    except (struct.error, ValueError, IndexError) as error:
        raise FormatError(f"cannot read the cache of libraries: {error}") from error


def _read(data: bytes) -> Cache:
    order = ">" if data[28] & 3 == _BIG else "<"
    _, count, _, _, extension = struct.unpack_from(order + _HEADER, data)
    header, size = struct.calcsize("<" + _HEADER), struct.calcsize("<" + _ENTRY)
    generator, hwcaps = _sections(data, order, extension)
    folders = [_text(data, place) for (place,) in struct.iter_unpack(order + "I", hwcaps)]
    libraries = []
    # Names may lie on each other, but honest ones do not add up to more than this.
    budget = 4 * len(data)
    for number in range(count):
        flags, soname, path, _, hwcap = struct.unpack_from(order + _ENTRY, data, header + number * size)
        special = hwcap & _HAS_HWCAPS
        folder, level = (folders[hwcap & 0xFFFFFFFF], hwcap >> 32 & 0x3FF) if special else ("", 0)
        one = Library(_text(data, soname), _text(data, path), flags, folder, level)
        budget -= len(one.soname) + len(one.path)
        if budget < 0:
            raise FormatError("cannot read the cache of libraries: its names are too long")
        libraries.append(one)
    return Cache(tuple(libraries), generator.decode("utf-8", "surrogateescape"))


def _sections(data: bytes, order: str, start: int) -> tuple[bytes, bytes]:
    """Return the sections with the generator and with the places of the names of ``glibc-hwcaps`` folders."""
    if not start:
        return b"", b""
    magic, count = struct.unpack_from(order + "II", data, start)
    if magic != _EXTENSION_MAGIC:
        raise FormatError("cannot read the cache of libraries: its extension does not begin as one")
    form = struct.Struct(order + _SECTION)
    rows = (form.unpack_from(data, start + 8 + number * form.size) for number in range(count))
    found = {tag: slice(place, place + size) for tag, _, place, size in rows}
    empty = slice(0)
    return data[found.get(_GENERATOR, empty)], data[found.get(_HWCAPS, empty)]


def _text(data: bytes, place: int) -> str:
    return data[place : data.index(0, place)].decode("utf-8", "surrogateescape")
