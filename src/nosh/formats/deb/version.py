"""Order of Debian version numbers (Debian policy §5.6.12)."""

import re
from functools import lru_cache

# How many digits and which: of that many digits a version may have, Python makes no number.
_Number = tuple[int, str]
_Parts = tuple[tuple[tuple[int, ...], _Number], ...]
Key = tuple[_Number, _Parts, _Parts]

_PARTS = re.compile(r"([^0-9]*)([0-9]*)")
_ZERO: _Number = (0, "")
# The end sorts after "~" and before every other sign.
_END = ((0,), _ZERO)


@lru_cache(maxsize=4096)
def key(version: str) -> Key:
    """Return a value that sorts as the version does: ``~`` before the end, letters before other signs."""
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return _number(epoch) if epoch.isdecimal() else _ZERO, _alternate(upstream), _alternate(revision)


def _alternate(text: str) -> _Parts:
    found = [((*(_weight(sign) for sign in signs), 0), _number(digits)) for signs, digits in _PARTS.findall(text)]
    # All but the first part begin with a sign, so that an empty one is where the version ends: it is the end itself.
    if len(found) > 1 and found[-1] == _END:
        found.pop()
    return (*found, _END)


def _number(digits: str) -> _Number:
    digits = digits.lstrip("0")
    return len(digits), digits


def _weight(sign: str) -> int:
    if sign == "~":
        return -1
    return ord(sign) if sign.isalpha() else ord(sign) + 256
