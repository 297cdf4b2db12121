"""Where a key stands in a TOML text, for every way in which TOML lets one write it."""

import tomllib

import pytest

from nosh.recipes import position

TEXT = '''# name = "not this one"
name = "x"
  indented = 1
"quoted key" = 1
'single' = 1
a.b = 1
inline = { one = 1, two = 2 }
list = [
  "name", # name = 3
  "b",
]
text = """
name = "not this one either"
[table]
"""
other = \'\'\'one line\'\'\'

[table] # with a comment
name = 1
"sub table".name = 2

[table.deeper]
name = 3

[[row]]
name = 4

[[row]]
name = 5
[row.below]
name = 6

[ spaced . out ]
name = 7
'''


@pytest.mark.parametrize(
    ("path", "place"),
    [
        pytest.param(("name",), (2, 1), id="a comment is no key"),
        pytest.param(("indented",), (3, 3), id="a key that is indented"),
        pytest.param(("quoted key",), (4, 1), id="a key in quotes"),
        pytest.param(("single",), (5, 1), id="a key in single quotes"),
        pytest.param(("a", "b"), (6, 1), id="a dotted key"),
        pytest.param(("a",), (6, 1), id="a table that only dotted keys make"),
        pytest.param(("inline", "two"), (7, 1), id="what stands in an inline table is found at the table"),
        pytest.param(("list",), (8, 1), id="an array over several lines"),
        pytest.param(("text",), (12, 1), id="a text over several lines"),
        pytest.param(("other",), (16, 1), id="three quotes on one line end there"),
        pytest.param(("table",), (18, 1), id="the header of a table"),
        pytest.param(("table", "name"), (19, 1), id="a key of a table"),
        pytest.param(("table", "sub table", "name"), (20, 1), id="a dotted key of a table"),
        pytest.param(("table", "deeper", "name"), (23, 1), id="a key of a deeper table"),
        pytest.param(("table", "missing"), (18, 1), id="a key that is missing is found at its table"),
        pytest.param(("row", 0), (25, 1), id="the first of several tables"),
        pytest.param(("row", 0, "name"), (26, 1), id="a key of the first"),
        pytest.param(("row", 1), (28, 1), id="the second of several tables"),
        pytest.param(("row", 1, "name"), (29, 1), id="a key of the second"),
        pytest.param(("spaced", "out", "name"), (34, 1), id="a header with spaces"),
        pytest.param(("nothing", "of", "that"), (1, 1), id="what is nowhere is the file as a whole"),
        pytest.param((), (1, 1), id="the file as a whole"),
    ],
)
def test_a_key_is_found(path: tuple[str | int, ...], place: tuple[int, int]) -> None:
    assert tomllib.loads(TEXT), "the text has to be TOML"
    assert position.find(TEXT, path) == place


def test_an_empty_text_has_a_first_line() -> None:
    assert position.find("", ("name",)) == (1, 1)
