"""Which files of a package an image takes, and under which path."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from nosh.values.entry import Entry, Kind

# The folders that Debian 13 and newer have as links into /usr (the usr-merge of Debian policy §10.1.1).
MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")


@dataclass(frozen=True, slots=True)
class Rules:
    """How a package is cut to fit.

    Attributes:
        merged: move /bin, /lib and /sbin into /usr.
        cut: patterns of paths to leave out; ``*`` stays inside a folder, ``**`` does not.
        keep: patterns of paths that stay although they are cut.
        only: if there are any, nothing else is taken.
        exclude: exact paths to leave out because another package brings the same.
        epoch: no time later than this (seconds since 1970); 0 for no limit.
    """

    merged: bool = False
    cut: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    epoch: int = 0


def selector(rules: Rules) -> Callable[[Entry], Entry | None]:
    """Return a function that gives an entry as the image has it, or None if it is left out."""
    cut, keep, only = _matcher(rules.cut), _matcher(rules.keep), _matcher(rules.only)
    exclude = frozenset(rules.exclude)

    def choose(entry: Entry) -> Entry | None:
        if rules.merged:
            if entry.path in MERGED and entry.kind is Kind.DIRECTORY:
                return None
            entry = _moved(entry)
        path = entry.path
        if not path or path in exclude or (rules.only and not only(path)) or (cut(path) and not keep(path)):
            return None
        if rules.epoch and entry.mtime > rules.epoch:
            return replace(entry, mtime=rules.epoch)
        return entry

    return choose


def _moved(entry: Entry) -> Entry:
    path, target = entry.path, entry.target
    if path.partition("/")[0] in MERGED and "/" in path:
        path = "usr/" + path
    if entry.kind is Kind.HARDLINK and target.partition("/")[0] in MERGED:
        target = "usr/" + target
    if (path, target) == (entry.path, entry.target):
        return entry
    return replace(entry, path=path, target=target)


def _matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    match = _compile(tuple(patterns))
    return lambda path: match is not None and match.fullmatch(path) is not None


@lru_cache(maxsize=64)
def _compile(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    if not patterns:
        return None
    return re.compile("|".join(map(_expression, patterns)), re.DOTALL)


def _expression(pattern: str) -> str:
    parts = re.split(r"(\*\*|\*|\?)", pattern)
    signs = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(signs.get(part) or re.escape(part) for part in parts)
