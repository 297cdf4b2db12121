"""Trees as text, so that a test shows what a file system holds on a few lines: path -> kind, mode, contents."""

import hashlib
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from nosh.rootfs.merge import Place
from nosh.values.entry import Entry, Kind
from nosh.values.piece import Node, Piece

TIME = 1_000_000

Contents = Iterable[bytes | memoryview] | Path
Member = tuple[Entry, Contents]


def file(path: str, text: str | bytes = "", mode: int = 0o644, *, mtime: int = TIME) -> tuple[Entry, tuple[bytes]]:
    data = text.encode() if isinstance(text, str) else text
    return Entry(path, Kind.FILE, mode, mtime=mtime, size=len(data)), (data,)


def folder(path: str, mode: int = 0o755, *, mtime: int = TIME) -> tuple[Entry, tuple[bytes]]:
    return Entry(path, Kind.DIRECTORY, mode, mtime=mtime), (b"",)


def symlink(path: str, target: str) -> tuple[Entry, tuple[bytes]]:
    return Entry(path, Kind.SYMLINK, 0o777, mtime=TIME, target=target), (b"",)


def hardlink(path: str, target: str) -> tuple[Entry, tuple[bytes]]:
    return Entry(path, Kind.HARDLINK, 0o644, mtime=TIME, target=target), (b"",)


def piece(*members: Member) -> Piece:
    """Return the record of a piece that has these members; its bytes are nowhere."""
    nodes = tuple(node(one) for one in members if one[0].kind is not Kind.DIRECTORY)
    directories = tuple(entry for entry, _ in members if entry.kind is Kind.DIRECTORY)
    return replace(NOTHING, nodes=nodes, directories=directories)


def node(member: Member) -> Node:
    entry, body = member
    return Node(entry, hashlib.sha256(_whole(body)).hexdigest() if entry.kind is Kind.FILE else "")


def digest(text: str | bytes) -> str:
    """Return how a file's contents stand in an outline."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:8]


def of_members(members: Iterable[Member]) -> dict[str, str]:
    """Return an outline of members; contents are read."""
    return {f"/{entry.path}": _line(entry, hashlib.sha256(_whole(body)).hexdigest()) for entry, body in members}


def of_tree(tree: Mapping[str, Place]) -> dict[str, str]:
    """Return an outline of a tree."""
    return {f"/{path}": _line(place.node.entry, place.node.digest) for path, place in sorted(tree.items())}


def of_tar(data: bytes) -> dict[str, str]:
    """Return an outline of an archive as Python's own reader sees it; a path may come once only."""
    found: dict[str, str] = {}
    with tarfile.open(fileobj=BytesIO(data), mode="r:") as archive:
        for info in archive:
            body = archive.extractfile(info) if info.isreg() else None
            path = f"/{info.name}"
            assert path not in found, f"{path} stands twice in the archive"
            entry = Entry(info.name, _kind(info), info.mode, info.uid, info.gid, target=info.linkname)
            found[path] = _line(entry, hashlib.sha256(body.read() if body else b"").hexdigest())
    return found


def _kind(info: tarfile.TarInfo) -> Kind:
    kinds = {tarfile.REGTYPE: Kind.FILE, tarfile.DIRTYPE: Kind.DIRECTORY, tarfile.SYMTYPE: Kind.SYMLINK}
    return kinds.get(info.type, Kind.HARDLINK)


def _line(entry: Entry, contents: str) -> str:
    owner = f" {entry.uid}:{entry.gid}" if entry.uid or entry.gid else ""
    if entry.kind is Kind.FILE:
        return f"file {entry.mode:04o}{owner} {contents[:8]}"
    if entry.kind is Kind.DIRECTORY:
        return f"folder {entry.mode:04o}{owner}"
    return f"{'same file as /' if entry.kind is Kind.HARDLINK else '-> '}{entry.target}{owner}"


def _whole(body: Contents) -> bytes:
    return body.read_bytes() if isinstance(body, Path) else b"".join(body)


NOTHING = Piece(
    digest="",  # type: ignore[arg-type] # no blob has it
    size=0,
    tar_size=0,
    time=TIME,
    members=(),
    nodes=(),
    directories=(),
)
