"""Reading tables out of TOML: every mistake is noted with its place, and all are told at once."""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from nosh.recipes import position
from nosh.values.errors import InputError
from nosh.values.suggest import hint

T = TypeVar("T")
Path = tuple[str | int, ...]


class Mistakes:
    """The mistakes of one file, in the order they were found."""

    def __init__(self, place: str, text: str) -> None:
        self.place = place
        self._text = text
        self._found: list[tuple[tuple[int, int], str]] = []

    def note(self, path: Path, message: str) -> None:
        """Note a mistake at a key."""
        self._found.append((position.find(self._text, path), message))

    def tell(self) -> None:
        """Raise what was noted, if anything was.

        Raises:
            InputError: one line a mistake, with file, line and column.
        """
        if self._found:
            lines = [f"{self.place}:{line}:{column}: {message}" for (line, column), message in sorted(self._found)]
            raise InputError("\n".join(lines))


def parse(place: str, text: str) -> tuple["Table", Mistakes]:
    """Parse TOML into the top table.

    Raises:
        InputError: it is not TOML.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.search(
            r"^(?P<why>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|(?P<end>end of document))\)",
            str(error),
        )
        if match and match["line"]:
            raise InputError(f"{place}:{match['line']}:{match['column']}: {match['why']}") from error
        lines = text.splitlines() or [""]
        why = match["why"] if match else error
        raise InputError(f"{place}:{len(lines)}:{len(lines[-1]) + 1}: {why} (at the end)") from error
    mistakes = Mistakes(place, text)
    return Table(data, (), mistakes), mistakes


class Table:
    """A table that knows where it stands and which of its keys have been asked for."""

    def __init__(self, data: Mapping[str, object], path: Path, mistakes: Mistakes) -> None:
        self._data = data
        self._path = path
        self._mistakes = mistakes
        self._known: set[str] = set()

    def note(self, message: str, *keys: str | int) -> None:
        """Note a mistake at a key of this table, or at the table."""
        self._mistakes.note((*self._path, *keys), message)

    def keys(self) -> tuple[str, ...]:
        """Return the keys that are there."""
        return tuple(self._data)

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._data

    def is_array(self, key: str) -> bool:
        """Whether the key holds an array."""
        return isinstance(self._data.get(key), list)

    def expect(self, key: str) -> None:
        """Say that the key may be there."""
        self._known.add(key)

    def _value(self, key: str, kind: type[T], *, name: str, default: T) -> T:
        self._known.add(key)
        value = self._data.get(key, default)
        if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return value
        self.note(f"{key} has to be {name}", key)
        return default

    def text(self, key: str, default: str = "", *, required: bool = False) -> str:
        """Return a string."""
        if required and key not in self._data:
            self.note(f"{key} is missing")
        return self._value(key, str, name="a string", default=default)

    def number(self, key: str, default: int = 0) -> int:
        """Return an integer that is not negative."""
        value = self._value(key, int, name="a whole number", default=default)
        if value < 0:
            self.note(f"{key} has to be 0 or more", key)
            return default
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return a truth value."""
        return self._value(key, bool, name="true or false", default=default)

    def mode(self, key: str, default: int) -> int:
        """Return permission bits, written as an octal string like ``"0755"``."""
        text = self.text(key, f"{default:04o}")
        if not re.fullmatch(r"[0-7]{3,4}", text):
            self.note(f'{key} has to be permission bits like "0755"', key)
            return default
        return int(text, 8)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return an array of strings."""
        values: list[object] = self._value(key, list, name="an array of strings", default=[])
        if not all(isinstance(value, str) for value in values):
            self.note(f"{key} has to be an array of strings", key)
            return ()
        return tuple(str(value) for value in values)

    def numbers(self, key: str) -> tuple[int, ...]:
        """Return an array of integers."""
        values: list[object] = self._value(key, list, name="an array of whole numbers", default=[])
        if not all(isinstance(value, int) and not isinstance(value, bool) for value in values):
            self.note(f"{key} has to be an array of whole numbers", key)
            return ()
        return tuple(value for value in values if isinstance(value, int))

    def table(self, key: str) -> "Table":
        """Return a table below this one, empty if it is not there."""
        data: dict[str, object] = self._value(key, dict, name="a table", default={})
        return Table(data, (*self._path, key), self._mistakes)

    def tables(self, key: str) -> tuple["Table", ...]:
        """Return an array of tables."""
        values: list[object] = self._value(key, list, name="an array of tables", default=[])
        found = []
        for number, value in enumerate(values):
            if isinstance(value, dict):
                found.append(Table(value, (*self._path, key, number), self._mistakes))
            else:
                self.note(f"{key} has to be an array of tables", key)
        return tuple(found)

    def map_texts(self) -> dict[str, str]:
        """Return all values of a table of strings."""
        return {key: self.text(key) for key in self._data}

    def map(self, read: Callable[["Table", str], T]) -> dict[str, T]:
        """Read every key of this table by `read`."""
        return {key: read(self, key) for key in self._data}

    def done(self, also: Iterable[str] = ()) -> None:
        """Note every key that nobody asked for."""
        for key in self._data:
            if key not in self._known:
                near = hint(key, {*self._known, *also})
                self.note(f"unknown key {key}" + (f" ({near})" if near.startswith("did") else ""), key)
