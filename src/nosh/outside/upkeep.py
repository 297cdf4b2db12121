"""Looking after the store: how much there is, whether it is sound, what nobody needs any more."""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from nosh.outside import clock, store

# Temporary files of a process that still works are younger than this, in seconds.
_ABANDONED = 6 * 3600


def usage(cache: Path, images: Path) -> Mapping[str, int]:
    """Return bytes on disk by kind; what images and cache share is counted once, as images."""
    seen: set[tuple[int, int]] = set()
    kinds = {"images": images, "blobs": cache / "blobs", "indexes": cache / "indexes", "records": cache / "records"}
    found = {kind: _size(folder, seen) for kind, folder in kinds.items()}
    return {**found, "other": _size(cache, seen)}


def _size(folder: Path, seen: set[tuple[int, int]]) -> int:
    total = 0
    for path in _files(folder):
        # Others may be at work: what is gone in the meantime takes no room.
        with suppress(FileNotFoundError):
            status = path.lstat()
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                total += status.st_size
    return total


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for name in names:
            yield Path(place, name)


def verify(folders: Iterable[Path], *, repair: bool) -> tuple[str, ...]:
    """Read every blob again and return the paths of those that do not have their digest; `repair` removes them.

    Raises:
        StoreError: a blob cannot be read or removed.
    """
    blobs = (path for folder in folders for path in sorted(_files(folder / "blobs" / "sha256")))
    damaged = tuple(path for path in blobs if not _sound(path))
    if repair:
        for path in damaged:
            with store.guard("remove", path):
                path.unlink(missing_ok=True)
    return tuple(map(str, damaged))


def _sound(path: Path) -> bool:
    with store.guard("read", path), suppress(FileNotFoundError):
        return _sha256(path) == path.name
    # Another process has just removed it.
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def prune(cache: Path, images: Path) -> int:
    """Remove what can be fetched or made again and is no part of an image, and return how many bytes that freed.

    Blobs that are younger than a running build could be stay.

    Raises:
        StoreError: something cannot be removed.
    """
    kept = {path.name for path in _files(images / "blobs" / "sha256")}
    old = clock.now() - _ABANDONED
    with store.guard("remove", cache):
        found = (*_files(cache / "blobs" / "sha256"), *_unfinished(cache), *_unfinished(images))
        return sum(_remove_older(path, old) for path in found if path.name not in kept)


def _remove_older(path: Path, time: int) -> int:
    # Another process may be pruning as well.
    with suppress(FileNotFoundError):
        status = path.lstat()
        if status.st_mtime < time:
            return _remove(path, status)
    return 0


def _unfinished(folder: Path) -> Iterator[Path]:
    """Yield what a process leaves behind that is killed while it writes."""
    yield from (folder / "tmp").glob("*")
    yield from folder.glob(f"{store.UNFINISHED}*")
    yield from (folder / "records").rglob(f"{store.UNFINISHED}*")


def _remove(path: Path, status: os.stat_result) -> int:
    if stat.S_ISDIR(status.st_mode):
        freed = _size(path, set())
        shutil.rmtree(path, ignore_errors=True)
        return freed
    path.unlink()
    # What has another name still takes its room.
    return status.st_size if status.st_nlink == 1 else 0
