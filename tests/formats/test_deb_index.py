"""Lists of packages: every stanza becomes a package or an error that names it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulators import apt_repository
from tests.simulators.deb_maker import Package

from nosh.formats.deb import index
from nosh.formats.deb.index import Listed
from nosh.values.errors import FormatError

DIGEST = "ab" * 32
FIELDS = {
    "Package": "hello",
    "Version": "1:2.0-1",
    "Architecture": "amd64",
    "Filename": "pool/main/h/hello.deb",
    "Size": "42",
    "SHA256": DIGEST,
}
LISTED = Listed("hello", "1:2.0-1", "amd64", "hello", "pool/main/h/hello.deb", 42, DIGEST)


def stanza(**changes: str) -> bytes:
    fields = {name: value for name, value in {**FIELDS, **changes}.items() if value}
    return "".join(f"{name}: {value}\n" for name, value in fields.items()).encode()


def test_fields_are_found_wherever_they_stand() -> None:
    fields = dict(reversed(FIELDS.items()))
    text = "".join(f"{name}: {value}\n" for name, value in fields.items())
    assert list(index.read(text.encode())) == [LISTED]


@pytest.mark.parametrize(
    ("data", "count"),
    [
        pytest.param(b"", 0, id="nothing"),
        pytest.param(b"\n\n\n", 0, id="blank lines"),
        pytest.param(stanza(), 1, id="one stanza"),
        pytest.param(stanza().rstrip(), 1, id="one stanza without a newline at its end"),
        pytest.param(stanza() + b"\n" + stanza(), 2, id="two stanzas"),
        pytest.param(b"\n" + stanza() + b"\n\n\n" + stanza() + b"\n\n", 2, id="two stanzas with much between them"),
    ],
)
def test_stanzas_are_told_apart(data: bytes, count: int) -> None:
    assert list(index.read(data)) == [LISTED] * count


@pytest.mark.parametrize(
    ("source", "name"),
    [("", "hello"), ("greetings", "greetings"), ("greetings (1.9-3)", "greetings")],
)
def test_a_source_has_its_own_name_or_the_package_s(source: str, name: str) -> None:
    (found,) = index.read(stanza(Source=source))
    assert found.source == name


def test_a_description_cannot_forge_a_field() -> None:
    data = b"Description: x\n Filename: evil\n Size: 1\n SHA256: 00\n" + stanza()
    assert list(index.read(data)) == [LISTED]


BAD: dict[str, dict[str, str]] = {
    **{f"no {name}": {name: ""} for name in FIELDS},
    "a size that is no number": {"Size": "many"},
    "a size in other digits": {"Size": "²"},
    "a negative size": {"Size": "-1"},
    "a size that no file has": {"Size": "9" * 5000},
    "a short digest": {"SHA256": "ab"},
    "a digest that is not hex": {"SHA256": "zz" * 32},
}


@pytest.mark.parametrize("summary", BAD)
def test_a_stanza_that_lacks_something(summary: str) -> None:
    name = BAD[summary].get("Package", "hello") or r"\?"
    with pytest.raises(FormatError, match=f"^cannot read package list: the stanza of {name} "):
        list(index.read(stanza() + b"\n" + stanza(**BAD[summary])))


def test_what_a_repository_says_is_read_back() -> None:
    packages = [Package("one"), Package("two", "2:1-1", "all", fields={"Source": "one (1)"})]
    found = list(index.read(apt_repository.packages_list(packages)))
    assert [(one.name, one.version, one.architecture, one.source) for one in found] == [
        ("one", "1.0-1", "amd64", "one"),
        ("two", "2:1-1", "all", "one"),
    ]
    assert [one.filename for one in found] == [apt_repository.pool(package) for package in packages]


LIST = apt_repository.packages_list([Package("one"), Package("two")])


@settings(max_examples=200)
@given(st.binary(max_size=8), st.integers(0, len(LIST)), st.integers(0, 40))
def test_a_changed_list_is_read_or_refused(new: bytes, place: int, gone: int) -> None:
    data = LIST[:place] + new + LIST[place + gone :]
    try:
        found = list(index.read(data))
    except FormatError:
        return
    assert all(one.name and one.size >= 0 and len(one.sha256) == 64 for one in found)
