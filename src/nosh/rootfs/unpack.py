"""From an opened .deb to the members of an image, with its line in the package database."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from nosh.formats.deb.archive import Archive
from nosh.rootfs.select import Rules, selector
from nosh.values.entry import Entry, Kind

Member = tuple[Entry, Iterable[bytes | memoryview] | Path]

# Where images without dpkg keep their package database; scanners look here.
STATUS = "var/lib/dpkg/status.d"


def members(name: str, archive: Archive, rules: Rules) -> Iterator[Member]:
    """Yield what an image takes of a package, then its entries in the package database.

    The list of checksums names only the files that are there.
    """
    choose = selector(rules)
    taken: set[str] = set()
    for entry, body in archive.data:
        chosen = choose(entry)
        if chosen is not None:
            if chosen.kind is not Kind.DIRECTORY:
                taken.add(chosen.path)
            yield chosen, body
    time = min(archive.time, rules.epoch) if rules.epoch else archive.time
    yield from _database(name, archive, rules, taken, time)


def _database(name: str, archive: Archive, rules: Rules, taken: set[str], time: int) -> Iterator[Member]:
    yield text_file(f"{STATUS}/{name}", archive.control["control"], time)
    choose = selector(Rules(merged=rules.merged))
    lines = []
    for line in archive.control.get("md5sums", b"").splitlines(keepends=True):
        _, _, path = line.decode("utf-8", "surrogateescape").rstrip("\n").partition("  ")
        chosen = choose(Entry(path, Kind.FILE, 0))
        if chosen is not None and chosen.path in taken:
            lines.append(line)
    if lines:
        yield text_file(f"{STATUS}/{name}.md5sums", b"".join(lines), time)


def text_file(path: str, data: bytes, time: int, *, mode: int = 0o644) -> Member:
    """Return a member that has its contents in memory."""
    return Entry(path, Kind.FILE, mode, mtime=time, size=len(data)), (data,)


def one_file(archive: Archive, path: str, *, place: str, rules: Rules) -> Iterator[Member]:
    """Yield one file of a package under another path, if it has it."""
    choose = selector(Rules(merged=rules.merged, epoch=rules.epoch))
    for entry, body in archive.data:
        chosen = choose(entry)
        if chosen is not None and chosen.path == path and chosen.kind is Kind.FILE:
            yield (
                Entry(place, Kind.FILE, chosen.mode, mtime=chosen.mtime, size=chosen.size),
                body,
            )
