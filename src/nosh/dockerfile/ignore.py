"""Which files `.dockerignore` leaves out: patterns in order, the last one that matches decides.

Follows Docker's documented rules: patterns are relative to the root of the context, ``*`` and ``?`` stay inside a
folder, ``**`` does not, a leading ``!`` takes files back in, and what matches a folder matches everything below it.
"""

import re
from collections.abc import Callable, Iterator
from posixpath import normpath

from nosh.values.errors import InputError

Matcher = Callable[[str], bool]

# One unit of a pattern: any folders, a class of characters, an escaped character, or a single one.
_UNIT = re.compile(
    r"(?P<folders>\*\*/?)|\[(?P<not>\^?)(?P<klass>(?:\\.|[^\]\\])+)\]|\\(?P<escaped>.)|(?P<one>.)", re.DOTALL
)

_RANGE = re.compile(r"(\\.|.)(?:-(\\.|.))?", re.DOTALL)


def matcher(text: str) -> Matcher:
    """Return a function that says whether a relative path is left out.

    Raises:
        InputError: a pattern makes no sense.
    """
    rules = tuple(_rules(text))

    def ignored(path: str) -> bool:
        verdict = False
        for leave_out, expression in rules:
            if verdict != leave_out and expression.match(path):
                verdict = leave_out
        return verdict

    return ignored


def _rules(text: str) -> Iterator[tuple[bool, re.Pattern[str]]]:
    for line in text.removeprefix("\ufeff").split("\n"):
        if line.startswith("#") or not (pattern := line.strip()):
            continue
        leave_out = not pattern.startswith("!")
        pattern = normpath(pattern.removeprefix("!").strip()).lstrip("/")
        if pattern and pattern != ".":
            yield leave_out, _compile(pattern)


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(_expression(pattern) + r"(?:/.*)?\Z", re.DOTALL)
    except re.error as error:
        raise InputError(f"cannot read the pattern {pattern!r} of .dockerignore: {error.msg}") from error


def _expression(pattern: str) -> str:
    result = ""
    for unit in _UNIT.finditer(pattern):
        if unit["folders"]:
            # At either end it takes anything; between other things it stands for whole folders.
            at_end = unit.end() == len(pattern)
            result += ".*" if at_end or (unit[0] == "**" and not unit.start()) else "(?:.*/)?"
        elif unit["klass"]:
            result += f"[{unit['not']}{_klass(unit['klass'])}]"
        elif unit["escaped"]:
            result += re.escape(unit["escaped"])
        else:
            result += {"*": "[^/]*", "?": "[^/]"}.get(unit["one"]) or re.escape(unit["one"])
    return result


def _klass(text: str) -> str:
    # Only ranges and escapes mean something; what else Python's classes know is taken as it stands.
    return _RANGE.sub(lambda found: "-".join(re.escape(end[-1]) for end in found.groups() if end), text)
