"""The content-addressed store: blobs by digest, records by key, shared by any number of processes.

A blob is written under a temporary name, synced and renamed, so that a name stands for whole contents or for nothing;
a process that is killed leaves at most a temporary file behind, which `prune` removes.
"""

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from nosh.values import digest as digests
from nosh.values.digest import Digest
from nosh.values.errors import StoreError, VerificationError

Record = Mapping[str, object]
# How the name of a small file begins while it is written.
UNFINISHED = ".new-"


class Store:
    """Blobs and records below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, digest: Digest) -> Path:
        """Return where a blob is, or would be."""
        return blob_path(self.root, digest)

    def has(self, digest: Digest, size: int | None = None) -> bool:
        """Whether a blob is there, of that many bytes if `size` is given."""
        try:
            found = self.path(digest).stat().st_size
        except OSError:
            return False
        return size is None or found == size

    def open(self, digest: Digest) -> BinaryIO:
        """Open a blob for reading.

        Raises:
            StoreError: it is not there.
        """
        with guard("read", self.root):
            return self.path(digest).open("rb")

    def write(self) -> "Writer":
        """Return a writer of a new blob."""
        return Writer(self.root)

    def add(self, data: bytes) -> Digest:
        """Store bytes and return their digest."""
        with self.write() as writer:
            writer.write(data)
            return writer.commit()

    def recall(self, kind: str, key: str) -> Record | None:
        """Return the record of that key, or None if there is none or it is damaged."""
        try:
            document = json.loads(self._record(kind, key).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        except OSError as error:
            raise _translate("read", self.root, error) from error
        return document if isinstance(document, dict) else None

    def remember(self, kind: str, key: str, *, record: Record) -> None:
        """Keep a record under a key, in place of an older one."""
        path = self._record(kind, key)
        # Not synced: a record that a power cut damages is no record, and is made again.
        replace(path, json.dumps(record, separators=(",", ":")).encode(), sync=False)

    def _record(self, kind: str, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self.root / "records" / kind / name[:2] / name

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Let one process (and thread) at a time work on `name`."""
        path = self.root / "locks" / hashlib.sha256(name.encode()).hexdigest()
        with lock_file(path):
            yield

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """Give an empty folder that is gone afterwards."""
        import tempfile  # noqa: PLC0415 - reading needs no temporary file

        with guard("write", self.root):
            folder = self.root / "tmp"
            folder.mkdir(parents=True, exist_ok=True)
            temporary = tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True)
        with temporary as name:
            yield Path(name)


class Writer:
    """Writes one blob; without `commit` nothing remains."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._hash = hashlib.sha256()
        self.size = 0
        import tempfile  # noqa: PLC0415 - reading needs no temporary file

        with guard("write", root):
            folder = root / "tmp"
            folder.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=folder, prefix="blob-")
            self._file = os.fdopen(descriptor, "wb", buffering=0)
            self._temporary: Path | None = Path(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._temporary:
            self._temporary.unlink(missing_ok=True)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append bytes.

        Raises:
            StoreError: the disk is full or not writable.
        """
        self._hash.update(data)
        self.size += len(data)
        with guard("write", self._root):
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]

    def restart(self) -> None:
        """Forget what was written."""
        with guard("write", self._root):
            self._file.seek(0)
            self._file.truncate()
        self._hash, self.size = hashlib.sha256(), 0

    def digest(self) -> Digest:
        """Return the digest of what was written so far."""
        return Digest("sha256:" + self._hash.hexdigest())

    def commit(self) -> Digest:
        """Give the blob its name and return it."""
        digest = self.digest()
        final = blob_path(self._root, digest)
        with guard("write", self._root):
            os.fchmod(self._file.fileno(), 0o644)
            os.fdatasync(self._file.fileno())
            final.parent.mkdir(parents=True, exist_ok=True)
            if self._temporary:
                self._temporary.rename(final)
        self._temporary = None
        return digest


def blob_path(root: Path, digest: Digest) -> Path:
    """Return a blob's path below a folder, laid out as in an OCI image layout."""
    return root / "blobs" / "sha256" / digests.hex_of(digest)


def replace(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Write a small file whole or not at all; with `sync` that holds for a power cut, too.

    Raises:
        StoreError: the disk is full or not writable.
    """
    import tempfile  # noqa: PLC0415 - reading needs no temporary file

    with guard("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED)
        try:
            _fill(descriptor, data, sync=sync)
            Path(name).rename(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _fill(descriptor: int, data: bytes, *, sync: bool) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(descriptor, 0o644)
        if sync:
            os.fdatasync(descriptor)


@contextmanager
def lock_file(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file while inside.

    Raises:
        StoreError: the file cannot be made.
    """
    with guard("lock", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def check(data: bytes, expected: Digest) -> None:
    """Check bytes that were read back against their digest.

    Raises:
        VerificationError: they have changed.
    """
    check_digest(digests.of(data), expected)


def check_digest(found: Digest, expected: Digest) -> None:
    """Check the digest of what was read back.

    Raises:
        VerificationError: it is another one.
    """
    if found != expected:
        raise VerificationError(
            f"cannot use blob {expected}: its contents have changed on disk",
            hint="run `nosh store verify --repair`, then build again",
        )


def link(source: Path, target: Path) -> bool:
    """Give a blob a second name; say whether that was possible (both folders on one file system).

    Raises:
        StoreError: the disk is full or not writable.
    """
    with guard("write", target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            if target.exists() and source.exists():
                target.unlink(missing_ok=True)
            target.hardlink_to(source)
        except OSError as error:
            if error.errno in {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOENT, errno.EOPNOTSUPP}:
                return False
            raise
    return True


@contextmanager
def guard(verb: str, path: Path) -> Iterator[None]:
    """Turn the system's errors on `path` into errors a user can act on.

    Raises:
        StoreError: in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise _translate(verb, path, error) from error


def _translate(verb: str, path: Path, error: OSError) -> StoreError:
    hints = {
        errno.ENOSPC: "free some space, run `nosh store prune`, or use another folder with --store DIR",
        errno.EDQUOT: "the quota is used up: run `nosh store prune` or use another folder with --store DIR",
        errno.EROFS: "the file system is read-only: use another folder with --store DIR",
    }
    if verb == "read":
        hints[errno.ENOENT] = "run `nosh store verify --repair`, then build again"
    reason = error.strerror or str(error)
    where = error.filename or path
    return StoreError(
        f"cannot {verb} {where}: {reason[:1].lower()}{reason[1:]}",
        hint=hints.get(error.errno or 0, "use a folder that you may write to, with --store DIR"),
    )


def full(path: Path, reason: str) -> StoreError:
    """Return the error for a database that could not be written."""
    return StoreError(
        f"cannot write {path}: {reason}", hint="free some space, run `nosh store prune`, or use --store DIR"
    )


@contextmanager
def new_file(path: Path) -> Iterator[Callable[[bytes], object]]:
    """Give a function that writes a file of the user's, which is there only when all of it was written.

    Raises:
        StoreError: the disk is full or not writable.
    """
    import tempfile  # noqa: PLC0415 - reading needs no temporary file

    with guard("write", path):
        descriptor, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file.write
                os.fchmod(file.fileno(), 0o644)
            Path(name).rename(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
