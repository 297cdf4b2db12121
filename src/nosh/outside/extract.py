"""The only way an archive reaches the host's disk: into a new folder, through no link, whole or not at all."""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from nosh.outside.store import guard
from nosh.values.entry import Entry, Kind
from nosh.values.errors import FormatError, StoreError

Member = tuple[Entry, Iterable[bytes | memoryview]]


@dataclass(frozen=True, slots=True)
class Limits:
    """Larger than any honest image, small enough to stop an archive from filling the disk.

    Attributes:
        bytes: of all contents.
        entries: how many members there may be.
        depth: how many folders deep.
    """

    bytes: int = 64 << 30
    entries: int = 4_000_000
    depth: int = 200


LIMITS = Limits()
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def extract(members: Iterable[Member], destination: Path, *, limits: Limits = LIMITS) -> None:
    """Write members into a folder that is made for them.

    As root, files get their owners; set-user-ID bits never survive.

    Raises:
        FormatError: a member leaves the folder, goes through a link, stands twice with different contents, or there
            are more than the limits allow.
        StoreError: the folder is there already, or the disk is full.
    """
    with _new_folder(destination) as root:
        target = _Target(root, limits)
        target.layer(members, whiteouts=False)
        target.finish()


def lay(layers: Iterable[Iterable[Member]], destination: Path, *, limits: Limits = LIMITS) -> None:
    """Write layers one over another, lowest first, with the whiteouts of OCI's image-spec `layer.md`.

    Otherwise as `extract`.
    """
    with _new_folder(destination) as root:
        target = _Target(root, limits)
        for members in layers:
            target.layer(members, whiteouts=True)
        target.finish()


@contextmanager
def _new_folder(destination: Path) -> Iterator[int]:
    """Give the descriptor of a folder that gets its name only when all went well."""
    if destination.exists() or destination.is_symlink():
        raise StoreError(f"cannot unpack into {destination}: it is there already", hint="remove it, or choose another")
    with guard("unpack into", destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=destination.parent, prefix=f".{destination.name}-"))
        try:
            root = os.open(temporary, _FOLDER)
            try:
                os.fchmod(root, 0o755)
                yield root
            finally:
                os.close(root)
            temporary.rename(destination)
        except BaseException:
            remove(temporary)
            raise


def remove(folder: Path) -> None:
    """Remove a folder with everything in it, also where its modes forbid it to its owner."""
    with suppress(OSError):
        folder.chmod(0o700)
    for above, inner, _ in os.walk(folder):
        for path in (Path(above, name) for name in inner):
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


class _Target:
    """A folder that is being filled, known by its descriptor.

    Its folders are their owner's alone while it is filled; their own modes come at the end.
    """

    def __init__(self, root: int, limits: Limits) -> None:
        self._root = root
        self._limits = limits
        self._folders: dict[str, Entry] = {}
        self._set_owner = os.geteuid() == 0
        self._bytes = 0
        self._entries = 0

    def layer(self, members: Iterable[Member], *, whiteouts: bool) -> None:
        """Write the members of one layer."""
        placed: dict[str, Kind] = {}
        for entry, body in members:
            self._entries += 1
            if self._entries > self._limits.entries:
                raise FormatError(f"cannot unpack: more than {self._limits.entries} entries")
            self._check(entry)
            name = entry.path.rpartition("/")[2]
            if whiteouts and name.startswith(_WHITEOUT):
                self._whiteout(entry.path, placed)
            else:
                self._member(entry, body, placed)

    def finish(self) -> None:
        """Give folders their modes, inner ones first: an outer one may forbid to enter."""
        for path, entry in sorted(self._folders.items(), reverse=True):
            with self._open(path) as folder:
                self._finish(folder, entry)

    def _check(self, entry: Entry) -> None:
        path = entry.path
        parts = path.split("/") if path else []
        if not {"", ".", ".."}.isdisjoint(parts) or "\0" in path + entry.target:
            raise FormatError(f"cannot unpack: {path!r} leaves the folder or is malformed")
        if len(parts) > self._limits.depth:
            raise FormatError(f"cannot unpack: {path[:80]}... is more than {self._limits.depth} folders deep")
        if entry.kind is Kind.SYMLINK and not entry.target:
            raise FormatError(f"cannot unpack: link {path} leads nowhere")
        if not path and entry.kind is not Kind.DIRECTORY:
            raise FormatError("cannot unpack: the root is no folder")

    def _member(self, entry: Entry, body: Iterable[bytes | memoryview], placed: dict[str, Kind]) -> None:
        path = entry.path
        folder, _, name = path.rpartition("/")
        if not path:
            self._folders[""] = entry
            return
        before = placed.get(path)
        if before not in {None, entry.kind}:
            raise FormatError(f"cannot unpack: {path} stands twice, as different things")
        _place(path, entry.kind, placed)
        with self._open(folder, make=True) as parent:
            if entry.kind is Kind.DIRECTORY:
                self._make_folder(parent, name, entry)
            elif before:
                self._compare(parent, name, entry, body)
            else:
                self._drop(parent, name, path=path)
                self._write(parent, name, entry, body)

    @contextmanager
    def _open(self, path: str, *, make: bool = False) -> Iterator[int]:
        """Give the descriptor of a folder inside."""
        current, done = os.dup(self._root), ""
        try:
            for part in path.split("/") if path else ():
                done = f"{done}/{part}".lstrip("/")
                if make and _try_make(current, part):
                    self._folders[done] = Entry(done, Kind.DIRECTORY, 0o755)
                inner = _enter(current, part, path=path)
                os.close(current)
                current = inner
            yield current
        finally:
            os.close(current)

    def _make_folder(self, parent: int, name: str, entry: Entry) -> None:
        if not _try_make(parent, name) and not _is_folder(parent, name):
            os.unlink(name, dir_fd=parent)
            os.mkdir(name, 0o700, dir_fd=parent)
        self._folders[entry.path] = entry

    def _write(self, parent: int, name: str, entry: Entry, body: Iterable[bytes | memoryview]) -> None:
        if entry.kind is Kind.SYMLINK:
            os.symlink(entry.target, name, dir_fd=parent)
            if self._set_owner:
                os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
            return
        if entry.kind is Kind.HARDLINK:
            self._link(parent, name, entry)
            return
        descriptor = os.open(name, _NEW, 0o600, dir_fd=parent)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            for chunk in self._counted(body):
                left = memoryview(chunk)
                while left:
                    left = left[file.write(left) :]
            self._finish(descriptor, entry)

    def _counted(self, body: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
        for chunk in body:
            self._bytes += len(chunk)
            if self._bytes > self._limits.bytes:
                raise FormatError(f"cannot unpack: more than {self._limits.bytes} bytes")
            yield chunk

    def _finish(self, descriptor: int, entry: Entry) -> None:
        if self._set_owner:
            os.fchown(descriptor, entry.uid, entry.gid)
        os.fchmod(descriptor, entry.mode & 0o1777)
        os.utime(descriptor, (entry.mtime, entry.mtime))

    def _link(self, parent: int, name: str, entry: Entry) -> None:
        self._check(Entry(entry.target, Kind.FILE, 0))
        folder, _, target = entry.target.rpartition("/")
        try:
            with self._open(folder) as there:
                if not stat.S_ISREG(os.stat(target, dir_fd=there, follow_symlinks=False).st_mode):
                    raise FormatError(f"cannot unpack: {entry.path} is a hard link to {entry.target}, which is no file")
                os.link(target, name, src_dir_fd=there, dst_dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            raise FormatError(
                f"cannot unpack: {entry.path} is a hard link to {entry.target}, which is not there"
            ) from None

    def _compare(self, parent: int, name: str, entry: Entry, body: Iterable[bytes | memoryview]) -> None:
        """Let a member stand twice if it says the same again."""
        if entry.kind is Kind.SYMLINK:
            same = os.readlink(name, dir_fd=parent) == entry.target
        elif entry.kind is Kind.HARDLINK:
            folder, _, target = entry.target.rpartition("/")
            with self._open(folder) as there:
                ours = os.stat(name, dir_fd=parent, follow_symlinks=False)
                same = os.path.samestat(ours, os.stat(target, dir_fd=there, follow_symlinks=False))
        else:
            with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=parent), "rb") as file:
                same = all(file.read(len(chunk)) == chunk for chunk in self._counted(body)) and not file.read(1)
        if not same:
            raise FormatError(f"cannot unpack: {entry.path} stands twice, with different contents")

    def _whiteout(self, path: str, placed: dict[str, Kind]) -> None:
        """Remove what lower layers have put there; of this layer's own nothing."""
        folder, _, mark = path.rpartition("/")
        name = mark.removeprefix(_WHITEOUT)
        if name in {"", ".", ".."}:
            raise FormatError(f"cannot unpack: whiteout {path!r} names nothing")
        if mark != _OPAQUE and name.startswith(_WHITEOUT):
            # What a storage driver of old left for itself.
            return
        with suppress(FileNotFoundError), self._open(folder) as parent:
            if mark == _OPAQUE:
                self._clear(parent, folder, placed)
            else:
                self._uncover(parent, name, path=f"{folder}/{name}".lstrip("/"), placed=placed)

    def _clear(self, parent: int, folder: str, placed: dict[str, Kind]) -> None:
        for name in os.listdir(parent):
            self._uncover(parent, name, path=f"{folder}/{name}".lstrip("/"), placed=placed)

    def _uncover(self, parent: int, name: str, *, path: str, placed: dict[str, Kind]) -> None:
        kind = placed.get(path)
        if kind is None:
            self._drop(parent, name, path=path)
        elif kind is Kind.DIRECTORY:
            with self._open(path) as folder:
                self._clear(folder, path, placed)

    def _drop(self, parent: int, name: str, *, path: str) -> None:
        try:
            is_folder = _is_folder(parent, name)
        except FileNotFoundError:
            return
        if is_folder:
            shutil.rmtree(name, dir_fd=parent)
            inside = path + "/"
            self._folders = {
                known: entry for known, entry in self._folders.items() if known != path and not known.startswith(inside)
            }
        else:
            os.unlink(name, dir_fd=parent)


def _place(path: str, kind: Kind, placed: dict[str, Kind]) -> None:
    """Note a member and the folders above it."""
    placed[path] = kind
    folder = path.rpartition("/")[0]
    while folder and folder not in placed:
        placed[folder] = Kind.DIRECTORY
        folder = folder.rpartition("/")[0]


def _try_make(parent: int, name: str) -> bool:
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        return False
    return True


def _is_folder(parent: int, name: str) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)


def _enter(current: int, part: str, *, path: str) -> int:
    try:
        return os.open(part, _FOLDER, dir_fd=current)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:
            raise FormatError(f"cannot unpack: {path} leads through a link or a file") from error
        raise
