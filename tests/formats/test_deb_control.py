"""Paragraphs of fields (deb822(5)): what is a field, what continues one, what is neither."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nosh.formats.deb import control
from nosh.formats.deb.control import Fields
from nosh.values.errors import FormatError

GOOD: dict[str, tuple[str, list[Fields]]] = {
    "nothing": ("", []),
    "blank lines only": ("\n \n\t\n", []),
    "one field": ("A: 1\n", [{"A": "1"}]),
    "no newline at the end": ("A: 1", [{"A": "1"}]),
    "no space after the colon": ("A:1\n", [{"A": "1"}]),
    "more space around the value": ("A: \t 1 \t\n", [{"A": "1"}]),
    "a colon in the value": ("A: b:c: d\n", [{"A": "b:c: d"}]),
    "an empty value": ("A:\nB: 2\n", [{"A": "", "B": "2"}]),
    "a value of several lines": ("A:\n b\n\tc\n  d\nB: 2\n", [{"A": "\nb\nc\n d", "B": "2"}]),
    "a blank line in a value": ("A: b\n .\n c\n", [{"A": "b\n.\nc"}]),
    "two paragraphs": ("A: 1\n\nA: 2\n", [{"A": "1"}, {"A": "2"}]),
    "many blank lines between": ("\n\nA: 1\n\n \n\t\nA: 2\n\n\n", [{"A": "1"}, {"A": "2"}]),
    "a comment": ("# x\nA: 1\n# y: z\n", [{"A": "1"}]),
    "a comment inside of a value": ("A: 1\n# x\n 2\n", [{"A": "1\n2"}]),
    "lines that end as on Windows": ("A: 1\r\n 2\r\n\r\nB: 3\r\n", [{"A": "1\n2"}, {"B": "3"}]),
    "signs that some call the end of a line": (
        "A: 1\x0b2\x0c3\x1c4\x855\u20286\n",
        [{"A": "1\x0b2\x0c3\x1c4\x855\u20286"}],
    ),
    "the last of two fields of one name": ("A: 1\nA: 2\n", [{"A": "2"}]),
}


@pytest.mark.parametrize("summary", GOOD)
def test_what_paragraphs_have(summary: str) -> None:
    text, expected = GOOD[summary]
    assert list(control.paragraphs(text)) == expected
    assert control.paragraph(text) == (expected[0] if expected else {})


BAD: dict[str, tuple[str, str]] = {
    "a line without a colon": ("A: 1\nB\n", "line 2 has no colon: 'B'"),
    "a continuation of nothing": (" A: 1\n", "line 1 continues nothing"),
    "a continuation after a blank line": ("A: 1\n\n 2\n", "line 3 continues nothing"),
    "a field without a name": (": 1\n", "line 1 has no name"),
}


@pytest.mark.parametrize("summary", BAD)
def test_what_is_no_paragraph(summary: str) -> None:
    text, reason = BAD[summary]
    with pytest.raises(FormatError, match=f"cannot read fields: {reason}"):
        list(control.paragraphs(text))


_name = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1).filter(
    lambda name: name[0] not in "#-"
)
_value = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=10)


@given(st.lists(st.dictionaries(_name, _value, min_size=1), max_size=4))
def test_what_was_written_is_read_back(paragraphs: list[Fields]) -> None:
    text = "\n".join("".join(f"{name}: {value}\n" for name, value in one.items()) for one in paragraphs)
    assert list(control.paragraphs(text)) == paragraphs


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = list(control.paragraphs(text))
    except FormatError:
        return
    assert all(found)
