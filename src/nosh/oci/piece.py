"""Making pieces and putting them together as layers, without compressing anything twice."""

import hashlib
import logging
import mmap
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TypeVar

from nosh.formats import elf, tar
from nosh.formats.compression import Compressor
from nosh.oci.image import GZIP, ZSTD
from nosh.oci.layer import Layer
from nosh.outside.store import Store, Writer, guard
from nosh.values.binary import Binary
from nosh.values.digest import Digest
from nosh.values.entry import Entry, Kind
from nosh.values.errors import FormatError, VerificationError
from nosh.values.piece import Node, Piece, pack, unpack

T = TypeVar("T")

log = logging.getLogger(__name__)

# A member's contents: chunks in order, or a file of the disk.
Body = Iterable[bytes | memoryview] | Path
Member = tuple[Entry, Body]

MEDIA_TYPES = {"gzip": GZIP, "zstd": ZSTD}
# Bytes of members that may wait for their turn: enough to keep the cores busy, few enough to stay small.
_WAITING = 12 << 20


@dataclass(frozen=True, slots=True)
class Press:
    """What pieces are made with: a store, a compressor and the cores that run it."""

    store: Store
    compressor: Compressor
    cores: Executor

    @property
    def ahead(self) -> int:
        """How many members may wait for their turn."""
        return _WAITING // self.compressor.member


class _Out:
    """Uncompressed bytes in, compressed members of a fixed size out, in order."""

    def __init__(self, press: Press, writer: Writer) -> None:
        self._press, self._writer = press, writer
        self._parts: list[memoryview] = []
        self._room = press.compressor.member
        self._waiting: deque[Future[bytes]] = deque()
        self.total = 0
        self.members: list[int] = []

    def write(self, data: bytes | memoryview) -> None:
        """Take bytes, which must not change afterwards."""
        self.total += len(data)
        left = memoryview(data)
        while len(left) >= self._room:
            self._parts.append(left[: self._room])
            left = left[self._room :]
            self._send()
        if left:
            self._parts.append(left)
            self._room -= len(left)

    def finish(self) -> None:
        if self._parts:
            self._send()
        while self._waiting:
            self._take()

    def _send(self) -> None:
        data = b"".join(self._parts)
        self._parts.clear()
        self._room = self._press.compressor.member
        self._waiting.append(self._press.cores.submit(self._press.compressor.compress, data))
        while len(self._waiting) > self._press.ahead:
            self._take()

    def _take(self) -> None:
        data = self._waiting.popleft().result()
        self.members.append(len(data))
        self._writer.write(data)


def make(press: Press, members: Iterable[Member], *, time: int) -> Piece:
    """Write the members as a piece into the store.

    Raises:
        FormatError: a member is damaged.
        StoreError: the disk is full or not writable.
    """
    nodes: list[Node] = []
    directories: list[Entry] = []
    with press.store.write() as writer:
        out = _Out(press, writer)
        for entry, body in members:
            if entry.kind is Kind.DIRECTORY:
                directories.append(entry)
            else:
                nodes.append(_node(out, entry, body))
        out.finish()
        size = writer.size
        digest = writer.commit()
    return Piece(digest, size, out.total, time, tuple(out.members), tuple(nodes), tuple(directories))


def _node(out: _Out, entry: Entry, body: Body) -> Node:
    out.write(tar.header(entry))
    if entry.kind is not Kind.FILE:
        return Node(entry)
    chunks: Iterable[bytes | memoryview]
    if isinstance(body, Path):
        binary, chunks = _mapped(entry, body), _read(body)
    else:
        binary, chunks = _gathered(entry, iter(body))
    found = hashlib.sha256()
    written = 0
    for chunk in chunks:
        found.update(chunk)
        out.write(chunk)
        written += len(chunk)
    if written != entry.size:
        raise FormatError(f"cannot read /{entry.path}: it has {written} bytes, not {entry.size}")
    out.write(tar.padding(entry.size))
    return Node(entry, found.hexdigest(), binary)


def _read(path: Path) -> Iterator[bytes]:
    with guard("read", path), path.open("rb") as file:
        while data := file.read(1 << 20):
            yield data


def _mapped(entry: Entry, path: Path) -> Binary | None:
    with guard("read", path), path.open("rb") as file:
        if not elf.is_elf(file.read(4)):
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as data:
            return _binary(entry, data)


def _gathered(entry: Entry, chunks: Iterator[bytes | memoryview]) -> tuple[Binary | None, Iterable[bytes | memoryview]]:
    first: list[bytes | memoryview] = []
    # Where chunks end is chance; what a file is must not depend on it.
    while sum(map(len, first)) < len(elf.MAGIC) and (chunk := next(chunks, None)) is not None:
        first.append(chunk)
    if not elf.is_elf(b"".join(chunk[:4] for chunk in first)[:4]):
        return None, chain(first, chunks)
    # What a program needs stands at both ends of it, so it is read whole.
    data = b"".join([*first, *chunks])
    return _binary(entry, data), (data,)


def _binary(entry: Entry, data: bytes | memoryview) -> Binary | None:
    try:
        return elf.read(data)
    except FormatError as error:
        # It only looks like a program, as test data does; nothing will ever load it.
        log.info("/%s begins as an ELF file: %s", entry.path, error.message)
        return None


def recall(key: str, store: Store) -> Piece | None:
    """Return the piece that was made from the same before, if the store still has it."""
    record = store.recall("piece", key)
    try:
        piece = unpack(record) if record else None
    except FormatError:
        return None
    return piece if piece and store.has(piece.digest, piece.size) else None


def remember(key: str, piece: Piece, store: Store) -> None:
    """Keep a piece for whoever asks for the same again."""
    store.remember("piece", key, record=pack(piece))


def assemble(press: Press, directories: Sequence[Entry], pieces: Sequence[Piece]) -> Layer:
    """Put directories and pieces together as one layer in the store.

    Raises:
        VerificationError: a piece has changed on disk.
        StoreError: the disk is full or not writable.
    """
    compress = press.compressor.compress
    head = b"".join(tar.header(entry) for entry in directories)
    found = hashlib.sha256(head)
    total = len(head) + len(tar.END)
    with press.store.write() as writer:
        if head:
            writer.write(compress(head))
        for piece in pieces:
            if piece.tar_size:
                total += _append(press, piece, writer, found)
        found.update(tar.END)
        writer.write(_end(press.compressor))
        size = writer.size
        digest = writer.commit()
    return Layer(digest, size, Digest("sha256:" + found.hexdigest()), total, MEDIA_TYPES[press.compressor.format])


@cache
def _end(compressor: Compressor) -> bytes:
    return compressor.compress(tar.END)


def _append(press: Press, piece: Piece, writer: Writer, found: "hashlib._Hash") -> int:
    seen = hashlib.sha256()
    try:
        with press.store.open(piece.digest) as file, ThreadPoolExecutor(1, "hash") as hasher:

            def member(size: int) -> Future[int]:
                data = file.read(size)
                expanded = press.cores.submit(press.compressor.expand, data, press.compressor.member)
                hashed = hasher.submit(_hash, found, expanded)
                seen.update(data)
                writer.write(data)
                return hashed

            total = sum(_in_order(map(member, piece.members), press.ahead))
    except FormatError:
        total = -1
    if "sha256:" + seen.hexdigest() != piece.digest or total != piece.tar_size:
        raise VerificationError(
            f"cannot use the piece {piece.digest}: it has changed on disk",
            hint="run `nosh store verify --repair`",
        )
    return total


def _hash(found: "hashlib._Hash", expanded: Future[bytes | bytearray]) -> int:
    data = expanded.result()
    found.update(data)
    return len(data)


def _in_order(futures: Iterable[Future[T]], ahead: int) -> Iterator[T]:
    """Yield results in order, while up to `ahead` more of them are being made."""
    waiting: deque[Future[T]] = deque()
    for future in futures:
        waiting.append(future)
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    for future in waiting:
        yield future.result()
