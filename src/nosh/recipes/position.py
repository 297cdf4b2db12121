"""Where in a TOML text a key stands, so that an error can point at it."""

import re
from collections.abc import Sequence

_HEADER = re.compile(r"\s*\[\[?\s*(?P<name>[^\]]+?)\s*\]\]?")
_KEY = re.compile(
    r"""\s*(?P<key>(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_WORD = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


def find(text: str, path: Sequence[str | int]) -> tuple[int, int]:
    """Return line and column (from 1) of the longest part of `path` that stands in the text.

    A path is made of keys and, for arrays of tables, numbers.
    """
    best, depth = (1, 1), 0
    table: list[str | int] = []
    counts: dict[tuple[str, ...], int] = {}
    quote = ""
    for number, line in enumerate(text.splitlines(), 1):
        if quote:
            quote = "" if quote in line else quote
            continue
        header = _HEADER.fullmatch(line.partition("#")[0].rstrip())
        if header:
            table = _table(line, _words(header["name"]), counts)
            candidate, column = table, line.index("[") + 1
        elif key := _KEY.match(line):
            candidate, column = table + _words(key["key"]), key.start("key") + 1
            quote = next((mark for mark in ('"""', "'''") if line.count(mark) == 1), "")
        else:
            continue
        common = _common(candidate, path)
        if common > depth and common in {len(candidate), len(path)}:
            best, depth = (number, column), common
    return best


def _words(text: str) -> list[str | int]:
    return [word.strip("\"'") for word in _WORD.findall(text)]


def _table(line: str, words: list[str | int], counts: dict[tuple[str, ...], int]) -> list[str | int]:
    if not line.lstrip().startswith("[["):
        return words
    name = tuple(str(word) for word in words)
    counts[name] = counts.get(name, -1) + 1
    return [*words, counts[name]]


def _common(candidate: Sequence[str | int], path: Sequence[str | int]) -> int:
    count = 0
    for mine, wanted in zip(candidate, path, strict=False):
        if mine != wanted:
            break
        count += 1
    return count
