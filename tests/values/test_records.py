"""Records of pieces: what is packed is unpacked, whatever else comes is refused."""

import json
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nosh.values import digest
from nosh.values.binary import Binary
from nosh.values.entry import Entry, Kind
from nosh.values.errors import FormatError
from nosh.values.piece import Node, Piece, pack, unpack

# Names that are no UTF-8 have surrogates in them, which JSON keeps.
_text = st.text(max_size=8) | st.binary(max_size=8).map(lambda data: data.decode("utf-8", "surrogateescape"))
_texts = st.lists(_text, max_size=3).map(tuple)
_size = st.integers(0, 2**63)
_entry = st.builds(Entry, _text, st.sampled_from(Kind), _size, _size, _size, _size, _size, _text)
_binary = st.builds(
    Binary,
    bits=st.sampled_from((32, 64)),
    little=st.booleans(),
    machine=_size,
    type=_size,
    flags=_size,
    dynamic=st.booleans(),
    interpreter=_text,
    soname=_text,
    needed=_texts,
    rpath=_texts,
    runpath=_texts,
    verneed=st.lists(st.tuples(_text, _texts), max_size=2).map(tuple),
    verdef=_texts,
    isa=_size,
)
_piece = st.builds(
    Piece,
    digest=st.binary(max_size=3).map(digest.of),
    size=_size,
    tar_size=_size,
    time=_size,
    members=st.lists(_size, max_size=3).map(tuple),
    nodes=st.lists(st.builds(Node, _entry, _text, st.none() | _binary), max_size=3).map(tuple),
    directories=st.lists(_entry, max_size=2).map(tuple),
)
GOOD = Piece(
    digest.of(b"x"),
    1,
    2,
    3,
    (4, 5),
    (Node(Entry("a", Kind.FILE, 0o644), "0", Binary(64, little=True, machine=62, type=3)),),
    (Entry("b", Kind.DIRECTORY, 0o755),),
)


@given(_piece)
def test_a_record_gives_the_same_piece_back(piece: Piece) -> None:
    assert unpack(json.loads(json.dumps(pack(piece)))) == piece


def record() -> dict[str, object]:
    document = json.loads(json.dumps(pack(GOOD)))
    assert isinstance(document, dict)
    return document


def test_every_field_is_needed() -> None:
    for key in record():
        with pytest.raises(FormatError, match="cannot read the record of a piece"):
            unpack({name: value for name, value in record().items() if name != key})


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"nodes": 5}, id="nodes that are a number"),
        pytest.param({"nodes": [[]]}, id="a node without anything"),
        pytest.param({"nodes": [["a", "file", 1, 2, 3, 4, 5, ""]]}, id="a node that is too short"),
        pytest.param({"nodes": [["a", "device", 1, 2, 3, 4, 5, "", "", None]]}, id="a node of another kind"),
        pytest.param({"nodes": [["a", "file", 1, 2, 3, 4, 5, "", "", [64]]]}, id="half a binary"),
        pytest.param({"nodes": [["a", "file", 1, 2, 3, 4, 5, "", "", 5]]}, id="a binary that is a number"),
        pytest.param({"nodes": None}, id="no nodes"),
        pytest.param({"directories": [["a"]]}, id="a folder that is too short"),
        pytest.param({"members": 5}, id="members that are a number"),
    ],
)
def test_another_record_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(FormatError, match="cannot read the record of a piece"):
        unpack(record() | changes)


def test_values_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        GOOD.size = 5  # type: ignore[misc] # that is the test
