"""One member of a file system: what tar, a package and a layer have in common."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a path is."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    HARDLINK = "hardlink"


@dataclass(frozen=True, slots=True)
class Entry:
    """A path with its metadata; contents travel beside it.

    Attributes:
        path: relative to the root, ``/`` between parts, no leading or trailing slash; ``""`` is the root.
        mode: permission bits, 0 to 0o7777.
        mtime: seconds since 1970, never negative.
        size: bytes of contents; 0 for all but files.
        target: where a link points; for a hard link a path in the form of `path`.
    """

    path: str
    kind: Kind
    mode: int
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    size: int = 0
    target: str = ""
