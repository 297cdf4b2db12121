"""Paragraphs of fields, as in control files, Release and Packages (deb822(5))."""

from collections.abc import Iterator

from nosh.values.errors import FormatError

Fields = dict[str, str]


def paragraphs(text: str) -> Iterator[Fields]:
    """Yield each paragraph as a table of fields; continuation lines keep their newline, not their first space.

    Raises:
        FormatError: a line is neither a field nor a continuation.
    """
    # Only a newline ends a line here; other signs that Unicode gives that meaning may stand in values.
    lines = text.replace("\r\n", "\n").split("\n")
    fields: Fields = {}
    name = ""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            if not name:
                raise FormatError(f"cannot read fields: line {number} continues nothing")
            fields[name] += "\n" + line[1:]
        elif not line.startswith("#"):
            name, colon, value = line.partition(":")
            if not colon:
                raise FormatError(f"cannot read fields: line {number} has no colon: {line[:80]!r}")
            if not name:
                raise FormatError(f"cannot read fields: line {number} has no name before its colon")
            fields[name] = value.strip(" \t")
    if fields:
        yield fields


def paragraph(text: str) -> Fields:
    """Return the first paragraph, or nothing.

    Raises:
        FormatError: a line is neither a field nor a continuation.
    """
    return next(paragraphs(text), {})
