"""Order of Debian version numbers (Debian policy §5.6.12)."""

import re
from functools import lru_cache

Key = tuple[int, tuple[tuple[tuple[int, ...], int], ...], tuple[tuple[tuple[int, ...], int], ...]]

_PARTS = re.compile(r"([^0-9]*)([0-9]*)")


@lru_cache(maxsize=4096)
def key(version: str) -> Key:
    """Return a value that sorts as the version does: ``~`` before the end, letters before other signs."""
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return int(epoch) if epoch.isdigit() else 0, _alternate(upstream), _alternate(revision)


def _alternate(text: str) -> tuple[tuple[tuple[int, ...], int], ...]:
    found = [((*(_weight(sign) for sign in signs), 0), int(digits or "0")) for signs, digits in _PARTS.findall(text)]
    while found and found[-1] == ((0,), 0):
        found.pop()
    # The end sorts after "~" and before every other sign.
    return (*found, ((0,), 0))


def _weight(sign: str) -> int:
    if sign == "~":
        return -1
    return ord(sign) if sign.isalpha() else ord(sign) + 256
