"""Laying packages one over another: no two may bring the same path with different contents."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from nosh.values.entry import Entry, Kind
from nosh.values.errors import ConflictError, InputError
from nosh.values.piece import Node, Piece


@dataclass(frozen=True, slots=True)
class Place:
    """What stands at a path, and who brought it."""

    owner: str
    node: Node


Tree = Mapping[str, Place]


@dataclass(frozen=True, slots=True)
class Merged:
    """The result of laying pieces over a tree.

    Attributes:
        tree: everything that is there now, by path.
        directories: the directory entries that the new layer needs, parents first.
        duplicates: owner -> paths it brings that are there already with the same contents.
    """

    tree: Tree
    directories: tuple[Entry, ...]
    duplicates: Mapping[str, tuple[str, ...]]


def lay(below: Tree, pieces: Sequence[tuple[str, Piece]], *, replaces: Iterable[str] = ()) -> Merged:
    """Lay pieces over a tree, first come first.

    Args:
        below: what the levels below have.
        pieces: owner and piece.
        replaces: owners that may bring a file again, as generated files do.

    Raises:
        ConflictError: two owners bring a path with different contents, or one writes through another's link.
        InputError: a file's other name is taken, and the file is left out.
    """
    tree = dict(below)
    free = set(replaces)
    wanted: dict[str, Entry] = {}
    duplicates: dict[str, list[str]] = {}
    for owner, piece in pieces:
        for directory in piece.directories:
            _directory(tree, owner, directory, wanted)
        own: set[str] = set()
        for node in piece.nodes:
            _parents(tree, owner, node.entry, wanted)
            path = node.entry.path
            if _there(tree, owner, node, free=owner in free) and path not in own:
                duplicates.setdefault(owner, []).append(path)
            own.add(path)
        _linked(tree, owner, piece)
    directories = tuple(wanted[path] for path in sorted(wanted))
    return Merged(tree, directories, {owner: tuple(paths) for owner, paths in duplicates.items()})


def _there(tree: dict[str, Place], owner: str, node: Node, *, free: bool) -> bool:
    """Put a file into the tree, unless it is there already; say whether it is."""
    there = tree.get(node.entry.path)
    if there is None or (free and there.node.entry.kind is not Kind.DIRECTORY):
        tree[node.entry.path] = Place(owner, node)
        return False
    if not _same(there.node, node):
        raise _conflict(node.entry.path, there.owner, other=owner)
    return True


def _linked(tree: Tree, owner: str, piece: Piece) -> None:
    for node in piece.nodes:
        if node.entry.kind is Kind.HARDLINK and node.entry.target not in tree:
            # No engine could unpack that.
            raise InputError(
                f"cannot take /{node.entry.path} of {owner}: it is another name of /{node.entry.target}, "
                "which is left out",
                hint="leave both out with `cut` in the recipe, or keep both",
            )


def _same(one: Node, other: Node) -> bool:
    mine, theirs = one.entry, other.entry
    return (mine.kind, mine.target, one.digest, mine.mode) == (
        theirs.kind,
        theirs.target,
        other.digest,
        theirs.mode,
    )


def _conflict(path: str, one: str, *, other: str) -> ConflictError:
    return ConflictError(
        f"cannot put {one} and {other} into one image: both bring /{path}, with different contents",
        hint="leave one of them out, or cut the path with `cut` in the recipe",
    )


def _directory(tree: dict[str, Place], owner: str, entry: Entry, wanted: dict[str, Entry]) -> None:
    there = tree.get(entry.path)
    if there and there.node.entry.kind is not Kind.DIRECTORY:
        raise _conflict(entry.path, there.owner, other=owner)
    if there:
        # As dpkg does: who comes first decides on mode and owner; the newest time is kept.
        known = there.node.entry
        entry = replace(known, mtime=max(known.mtime, entry.mtime))
    tree[entry.path] = Place(there.owner if there else owner, Node(entry))
    wanted[entry.path] = entry
    _parents(tree, owner, entry, wanted)


def _parents(tree: dict[str, Place], owner: str, entry: Entry, wanted: dict[str, Entry]) -> None:
    path = entry.path
    while "/" in path:
        path = path.rpartition("/")[0]
        if path in wanted:
            return
        there = tree.get(path)
        if there and there.node.entry.kind is not Kind.DIRECTORY:
            raise ConflictError(
                f"cannot put {there.owner} and {owner} into one image: {owner} brings /{entry.path}, "
                f"but /{path} is no folder in {there.owner}"
            )
        if not there:
            there = Place(owner, Node(Entry(path, Kind.DIRECTORY, 0o755, mtime=entry.mtime)))
            tree[path] = there
        wanted[path] = there.node.entry
