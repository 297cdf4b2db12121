"""The only way a file of an archive reaches the host's disk: into a fresh folder, through no link, whole or not at all."""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nosh.outside.store import guard
from nosh.values.entry import Entry, Kind
from nosh.values.errors import FormatError

Member = tuple[Entry, Iterable[bytes | memoryview]]

# Larger than any honest image, small enough to stop an archive from filling the disk.
BYTES_LIMIT = 64 << 30
ENTRIES_LIMIT = 4_000_000
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def extract(members: Iterable[Member], destination: Path) -> None:
    """Write members into a folder that is made for them.

    Raises:
        FormatError: a member leaves the folder, goes through a link or stands there twice.
        StoreError: the folder is there already, or the disk is full.
    """
    lay([members], destination)


def lay(layers: Iterable[Iterable[Member]], destination: Path) -> None:
    """Write layers one over another, lowest first, with the whiteouts of OCI's image-spec `layer.md`.

    As root, files get their owners; set-user-ID bits never survive.

    Raises:
        FormatError: a member leaves the folder, goes through a link or stands twice in its layer.
        StoreError: the folder is there already, or the disk is full.
    """
    with guard("write", destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=destination.parent, prefix=f".{destination.name}-"))
    try:
        with guard("write", destination):
            root = os.open(temporary, _FOLDER)
            try:
                _Target(root).lay(layers)
            finally:
                os.close(root)
            temporary.rename(destination)
    except BaseException:
        remove(temporary)
        raise


def remove(folder: Path) -> None:
    """Remove a folder with everything in it, also where its modes forbid it to its owner."""
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


class _Target:
    """A folder that is being filled, known by its descriptor."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._modes: dict[str, Entry] = {}
        self._owner = os.geteuid() == 0
        self._bytes = 0
        self._entries = 0

    def lay(self, layers: Iterable[Iterable[Member]]) -> None:
        for members in layers:
            seen: set[str] = set()
            for entry, body in members:
                self._count()
                self._member(entry, body, seen)
        for path, entry in sorted(self._modes.items(), reverse=True):
            self._finish_folder(path, entry)

    def _count(self) -> None:
        self._entries += 1
        if self._entries > ENTRIES_LIMIT:
            raise FormatError(f"cannot unpack: more than {ENTRIES_LIMIT} entries")

    def _member(self, entry: Entry, body: Iterable[bytes | memoryview], seen: set[str]) -> None:
        path = _checked(entry.path)
        folder, _, name = path.rpartition("/")
        if not path:
            self._modes[""] = entry
            return
        with self._open(folder) as parent:
            if name == _OPAQUE:
                self._clear(parent, folder, seen)
            elif name.startswith(_WHITEOUT):
                self._drop(parent, name.removeprefix(_WHITEOUT), folder)
            elif entry.kind is Kind.DIRECTORY:
                self._folder(parent, name, path, entry)
            else:
                if path in seen:
                    raise FormatError(f"cannot unpack: {path} stands twice in one layer")
                seen.add(path)
                self._drop(parent, name, folder)
                self._write(parent, name, entry, body)

    @contextmanager
    def _open(self, path: str) -> Iterator[int]:
        current = os.dup(self._root)
        try:
            for part in filter(None, path.split("/")):
                current = _enter(current, part, path)
            yield current
        finally:
            os.close(current)

    def _folder(self, parent: int, name: str, path: str, entry: Entry) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=parent)
                os.mkdir(name, 0o700, dir_fd=parent)
        self._modes[path] = entry

    def _write(self, parent: int, name: str, entry: Entry, body: Iterable[bytes | memoryview]) -> None:
        if entry.kind is Kind.SYMLINK:
            os.symlink(entry.target, name, dir_fd=parent)
            if self._owner:
                os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
            return
        if entry.kind is Kind.HARDLINK:
            self._link(parent, name, entry)
            return
        descriptor = os.open(name, _NEW, 0o600, dir_fd=parent)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            for chunk in body:
                self._bytes += len(chunk)
                if self._bytes > BYTES_LIMIT:
                    raise FormatError(f"cannot unpack: more than {BYTES_LIMIT} bytes")
                left = memoryview(chunk)
                while left:
                    left = left[file.write(left) :]
            if self._owner:
                os.fchown(descriptor, entry.uid, entry.gid)
            os.fchmod(descriptor, entry.mode & 0o1777)
            os.utime(descriptor, (entry.mtime, entry.mtime))

    def _link(self, parent: int, name: str, entry: Entry) -> None:
        folder, _, target = _checked(entry.target).rpartition("/")
        with self._open(folder) as there:
            if not stat.S_ISREG(os.stat(target, dir_fd=there, follow_symlinks=False).st_mode):
                raise FormatError(f"cannot unpack: {entry.path} is a hard link to something that is no file")
            os.link(target, name, src_dir_fd=there, dst_dir_fd=parent, follow_symlinks=False)

    def _drop(self, parent: int, name: str, folder: str) -> None:
        if name in {"", ".", ".."}:
            raise FormatError(f"cannot unpack: a whiteout in {folder or '/'} names nothing")
        try:
            is_folder = stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
        except FileNotFoundError:
            return
        if is_folder:
            path = f"{folder}/{name}".lstrip("/")
            self._modes = {
                known: entry
                for known, entry in self._modes.items()
                if known != path and not known.startswith(path + "/")
            }
            shutil.rmtree(name, dir_fd=parent)
        else:
            os.unlink(name, dir_fd=parent)

    def _clear(self, parent: int, folder: str, seen: set[str]) -> None:
        for name in os.listdir(parent):
            if f"{folder}/{name}".lstrip("/") not in seen:
                self._drop(parent, name, folder)

    def _finish_folder(self, path: str, entry: Entry) -> None:
        with self._open(path) as descriptor:
            if self._owner:
                os.fchown(descriptor, entry.uid, entry.gid)
            os.fchmod(descriptor, entry.mode & 0o1777)
            os.utime(descriptor, (entry.mtime, entry.mtime))


def _enter(current: int, part: str, path: str) -> int:
    try:
        inner = os.open(part, _FOLDER, dir_fd=current)
    except FileNotFoundError:
        os.mkdir(part, 0o755, dir_fd=current)
        inner = os.open(part, _FOLDER, dir_fd=current)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:
            raise FormatError(f"cannot unpack: {path} leads through a link or a file") from error
        raise
    os.close(current)
    return inner


def _checked(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise FormatError(f"cannot unpack: {path!r} leaves the folder")
    return path
