"""What JSON from elsewhere has to be made of: text where the specification has text."""

from collections.abc import Mapping

# What is raised on the way through a document that is not as it should be.
WRONG = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def text(value: object) -> str:
    """Return a text; one that is left out or null is empty.

    Raises:
        TypeError: it is something else.
        ValueError: it cannot be written as UTF-8.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.100} is no text")
    value.encode()
    return value


def texts(value: object) -> tuple[str, ...]:
    """Return a list of texts; one that is left out or null is empty.

    Raises:
        TypeError: it is something else.
        ValueError: one cannot be written as UTF-8.
    """
    if not isinstance(value, list | None):
        raise TypeError(f"{value!r:.100} is no list")
    return tuple(text(one) for one in value or ())


def table(value: object) -> Mapping[str, str]:
    """Return a table of texts; one that is left out or null is empty.

    Raises:
        TypeError: it is something else.
        ValueError: one cannot be written as UTF-8.
    """
    if not isinstance(value, dict | None):
        raise TypeError(f"{value!r:.100} is no table")
    return {text(key): text(one) for key, one in (value or {}).items()}
