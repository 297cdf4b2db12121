"""The cached unit of a layer: one package's files, compressed once and used in every image that has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from nosh.values import binary as binaries
from nosh.values.binary import Binary
from nosh.values.digest import Digest
from nosh.values.entry import Entry, Kind
from nosh.values.errors import FormatError


@dataclass(frozen=True, slots=True)
class Node:
    """A file or link of a piece.

    Attributes:
        digest: of a file's contents; empty for links.
        binary: what an ELF file says of itself.
    """

    entry: Entry
    digest: str = ""
    binary: Binary | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """Compressed tar members without directories and without the end of an archive.

    Attributes:
        digest: of the compressed bytes, which are a blob of the store.
        size: compressed bytes.
        tar_size: uncompressed bytes.
        time: when its content was made, in seconds since 1970.
        members: bytes of each compressed member, in order.
        directories: the directories that belong to it, which the layer writes.
    """

    digest: Digest
    size: int
    tar_size: int
    time: int
    members: tuple[int, ...]
    nodes: tuple[Node, ...]
    directories: tuple[Entry, ...]


def pack(piece: Piece) -> dict[str, object]:
    """Return a piece as JSON values."""
    return {
        "digest": piece.digest,
        "size": piece.size,
        "tar_size": piece.tar_size,
        "time": piece.time,
        "members": piece.members,
        "nodes": [
            [*_pack_entry(node.entry), node.digest, binaries.pack(node.binary) if node.binary else None]
            for node in piece.nodes
        ],
        "directories": [_pack_entry(entry) for entry in piece.directories],
    }


def _pack_entry(entry: Entry) -> list[object]:
    return [
        entry.path, entry.kind.value, entry.mode, entry.uid, entry.gid, entry.mtime, entry.size, entry.target,
    ]  # fmt: skip


_Row = tuple[str, str, int, int, int, int, int, str]


def unpack(document: Mapping[str, object]) -> Piece:
    """Return a piece from what `pack` returned.

    Raises:
        FormatError: it is not that.
    """
    try:
        nodes = cast("list[list[object]]", document["nodes"])
        directories = cast("list[list[object]]", document["directories"])
        return Piece(
            digest=Digest(str(document["digest"])),
            size=cast("int", document["size"]),
            tar_size=cast("int", document["tar_size"]),
            time=cast("int", document["time"]),
            members=tuple(cast("list[int]", document["members"])),
            nodes=tuple(
                Node(_unpack_entry(row[:8]), str(row[8]), binaries.unpack(row[9]) if row[9] else None) for row in nodes
            ),
            directories=tuple(_unpack_entry(row) for row in directories),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise FormatError(f"cannot read the record of a piece: {error!r}") from error


def _unpack_entry(row: list[object]) -> Entry:
    path, kind, mode, uid, gid, mtime, size, target = cast("_Row", tuple(row))
    return Entry(path, Kind(kind), mode, uid, gid, mtime, size, target)
