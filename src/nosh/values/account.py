"""The accounts that an image has: lines of passwd(5) and group(5)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class User:
    """A line of passwd; `home` is made with mode `home_mode` unless that is 0."""

    name: str
    uid: int
    gid: int
    home: str
    home_mode: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """A line of group."""

    name: str
    gid: int
