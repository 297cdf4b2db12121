"""Reading TOML: what is wrong is told all at once, in the order of the file, each with its line and column."""

import pytest

from nosh.recipes.reader import Table, parse
from nosh.values.errors import InputError


def told(text: str) -> list[str]:
    """Read every kind of value from a text and return the mistakes, one line each."""
    with pytest.raises(InputError) as caught:
        read_all(text)
    return caught.value.message.splitlines()


def read_all(text: str) -> None:
    table, mistakes = parse("f.toml", text)
    read(table)
    table.done()
    mistakes.tell()


def read(table: Table) -> dict[str, object]:
    rows = table.tables("rows")
    below = table.table("below")
    found = {
        "text": table.text("text"),
        "number": table.number("number", 7),
        "flag": table.flag("flag", default=True),
        "mode": table.mode("mode", 0o640),
        "texts": table.texts("texts"),
        "numbers": table.numbers("numbers"),
        "rows": [row.text("name", required=True) for row in rows],
        "below": below.map_texts(),
        "lists": table.table("lists").map(lambda inner, key: inner.texts(key)),
    }
    for row in rows:
        row.done()
    return found


def test_every_kind_of_value_is_read() -> None:
    text = """
text = "a"
number = 0
flag = false
mode = "1777"
texts = ["a", "b"]
numbers = [1, 2]
below = { a = "1", "b.c" = "2" }
lists.one = ["x"]
[[rows]]
name = "first"
"""
    table, mistakes = parse("f.toml", text)
    assert read(table) == {
        "text": "a",
        "number": 0,
        "flag": False,
        "mode": 0o1777,
        "texts": ("a", "b"),
        "numbers": (1, 2),
        "rows": ["first"],
        "below": {"a": "1", "b.c": "2"},
        "lists": {"one": ("x",)},
    }
    assert (table.has("text"), table.has("nothing")) == (True, False)
    assert (table.is_array("texts"), table.is_array("text")) == (True, False)
    table.done()
    mistakes.tell()


def test_what_is_left_out_has_its_default() -> None:
    table, mistakes = parse("f.toml", "")
    assert read(table) == {
        "text": "",
        "number": 7,
        "flag": True,
        "mode": 0o640,
        "texts": (),
        "numbers": (),
        "rows": [],
        "below": {},
        "lists": {},
    }
    mistakes.tell()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text = 1", "f.toml:1:1: text has to be a string"),
        ("text = ['a']", "f.toml:1:1: text has to be a string"),
        ("number = '1'", "f.toml:1:1: number has to be a whole number"),
        ("number = true", "f.toml:1:1: number has to be a whole number"),
        ("number = 1.5", "f.toml:1:1: number has to be a whole number"),
        ("number = -1", "f.toml:1:1: number has to be 0 or more"),
        ("flag = 1", "f.toml:1:1: flag has to be true or false"),
        ("flag = 'true'", "f.toml:1:1: flag has to be true or false"),
        ("mode = 493", "f.toml:1:1: mode has to be a string"),
        ("mode = '0o755'", 'f.toml:1:1: mode has to be permission bits like "0755"'),
        ("mode = '0855'", 'f.toml:1:1: mode has to be permission bits like "0755"'),
        ("mode = '55'", 'f.toml:1:1: mode has to be permission bits like "0755"'),
        ("texts = 'a'", "f.toml:1:1: texts has to be an array of strings"),
        ("texts = ['a', 1]", "f.toml:1:1: texts has to be an array of strings"),
        ("numbers = ['1']", "f.toml:1:1: numbers has to be an array of whole numbers"),
        ("numbers = [true]", "f.toml:1:1: numbers has to be an array of whole numbers"),
        ("rows = [1]", "f.toml:1:1: rows has to be an array of tables"),
        ("rows = 1", "f.toml:1:1: rows has to be an array of tables"),
        ("[rows]", "f.toml:1:1: rows has to be an array of tables"),
        ("[[rows]]", "f.toml:1:1: name is missing"),
        ("[[rows]]\nname = 'a'\n[[rows]]\nname = 2", "f.toml:4:1: name has to be a string"),
        ("[[below]]", "f.toml:1:1: below has to be a table"),
        ("[below]\na = 1", "f.toml:2:1: a has to be a string"),
        ("[lists]\na = 'b'", "f.toml:2:1: a has to be an array of strings"),
        ("txt = 1", "f.toml:1:1: unknown key txt (did you mean text or texts?)"),
        ("zebra = 1", "f.toml:1:1: unknown key zebra"),
        ("[zebra]\ntext = 1", "f.toml:1:1: unknown key zebra"),
        ("[[rows]]\nname = 'a'\nnaem = 'b'", "f.toml:3:1: unknown key naem (did you mean name?)"),
    ],
)
def test_a_mistake_has_its_place(text: str, message: str) -> None:
    assert told(text) == [message]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("text = ", "f.toml:1:8: Invalid value", id="a value is missing at the end"),
        pytest.param("a = 1\na = 2\n", "f.toml:2:6: Cannot overwrite a value", id="a key twice"),
        pytest.param("a = 1\nb c = 2\n", "f.toml:2:3: Expected '=' after a key", id="a key with a space"),
        pytest.param('a = 1\nb = "x', "f.toml:2:7: Unterminated string (at the end)", id="a string without end"),
        pytest.param("a = [1,\n2", "f.toml:2:2: Unclosed array (at the end)", id="an array without end"),
    ],
)
def test_what_is_no_toml_is_told_with_its_place(text: str, message: str) -> None:
    found = told(text)
    assert len(found) == 1
    assert found[0].startswith(message.partition(" (at the end)")[0])


def test_everything_is_told_at_once_in_the_order_of_the_file() -> None:
    text = "number = -1\n\n[[rows]]\n\n[[rows]]\nname = 1\nmore = 1\n\n[below]\na = 1\n\n[other]\n"
    assert told(text) == [
        "f.toml:1:1: number has to be 0 or more",
        "f.toml:3:1: name is missing",
        "f.toml:6:1: name has to be a string",
        "f.toml:7:1: unknown key more",
        "f.toml:10:1: a has to be a string",
        "f.toml:12:1: unknown key other",
    ]


def test_a_note_of_one_s_own_has_its_place() -> None:
    table, mistakes = parse("f.toml", "a = 1\nb = 2\n")
    table.note("too large", "b")
    with pytest.raises(InputError, match=r"^f.toml:2:1: too large$"):
        mistakes.tell()


def test_a_key_that_may_be_there_is_known() -> None:
    table, mistakes = parse("f.toml", "a = 1\n")
    table.expect("a")
    table.done()
    mistakes.tell()
    assert table.keys() == ("a",)
