"""Which files `.dockerignore` leaves out: patterns in order, the last one that matches decides.

Follows Docker's documented rules: patterns are relative to the root of the context, ``*`` and ``?`` stay inside a
folder, ``**`` does not, a leading ``!`` takes files back in, and what matches a folder matches everything below it.
"""

import re
from collections.abc import Callable, Iterator
from posixpath import normpath

Matcher = Callable[[str], bool]


def matcher(text: str) -> Matcher:
    """Return a function that says whether a relative path is left out."""
    rules = tuple(_rules(text))

    def ignored(path: str) -> bool:
        verdict = False
        for leave_out, expression in rules:
            if verdict != leave_out and expression.match(path):
                verdict = leave_out
        return verdict

    return ignored


def _rules(text: str) -> Iterator[tuple[bool, re.Pattern[str]]]:
    for number, raw in enumerate(text.splitlines()):
        line = raw.removeprefix("\ufeff") if not number else raw
        if line.startswith("#") or not (pattern := line.strip()):
            continue
        leave_out = not pattern.startswith("!")
        pattern = normpath(pattern.removeprefix("!").strip()).lstrip("/")
        if pattern and pattern != ".":
            yield leave_out, re.compile(_expression(pattern) + r"(?:/.*)?$", re.DOTALL)


def _expression(pattern: str) -> str:
    result = ""
    position = 0
    while position < len(pattern):
        rest = pattern[position:]
        if rest.startswith("**"):
            slash = rest.startswith("**/")
            result += "(?:.*/)?" if slash else ".*"
            position += 3 if slash else 2
            continue
        if rest.startswith("[") and (klass := re.match(r"\[\^?(?:\\.|[^\]\\])+\]", rest)):
            result += klass[0]
            position += len(klass[0])
            continue
        if rest.startswith("\\") and len(rest) > 1:
            result += re.escape(rest[1])
            position += 2
            continue
        result += {"*": "[^/]*", "?": "[^/]"}.get(rest[0]) or re.escape(rest[0])
        position += 1
    return result
