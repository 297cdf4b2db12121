"""Manifest and index: what is written is read back, always by the same bytes; another shape is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nosh.oci import manifest
from nosh.oci.manifest import Descriptor, Index, Manifest
from nosh.values import digest, platform
from nosh.values.errors import FormatError

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_table = st.dictionaries(_text, _text, max_size=4)
_descriptor = st.builds(
    Descriptor,
    media_type=_text,
    digest=st.binary(max_size=4).map(digest.of),
    size=st.integers(0, 2**63),
    annotations=_table,
    platform=st.one_of(st.none(), st.sampled_from(platform.ALL)),
)
_descriptors = st.lists(_descriptor, max_size=4).map(tuple)
_manifest = st.builds(Manifest, config=_descriptor, layers=_descriptors, annotations=_table)
_index = st.builds(Index, manifests=_descriptors, annotations=_table)

ABOUT = Descriptor("application/x", digest.of(b"x"), 5, {"b": "ü", "a": "1"}, platform.parse("arm64"))
FULL = Manifest(ABOUT, (ABOUT, Descriptor("application/y", digest.of(b"y"), 6)), {"k": "v"})


@given(_manifest)
def test_a_manifest_is_read_back(one: Manifest) -> None:
    assert manifest.read(manifest.render(one)) == one


@given(_index)
def test_an_index_is_read_back(one: Index) -> None:
    assert manifest.read_index(manifest.render_index(one)) == one


@given(st.one_of(_manifest.map(manifest.render), _index.map(manifest.render_index)))
def test_the_bytes_are_canonical(data: bytes) -> None:
    again = json.dumps(json.loads(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert again.encode() == data


def test_the_bytes_are_these() -> None:
    x, y = digest.of(b"x"), digest.of(b"y")
    about = (
        f'{{"annotations":{{"a":"1","b":"ü"}},"digest":"{x}","mediaType":"application/x",'
        '"platform":{"architecture":"arm64","os":"linux","variant":"v8"},"size":5}'
    )
    assert manifest.render(FULL).decode() == (
        f'{{"annotations":{{"k":"v"}},"config":{about},'
        f'"layers":[{about},{{"digest":"{y}","mediaType":"application/y","size":6}}],'
        '"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}'
    )
    assert manifest.render_index(Index((ABOUT,))).decode() == (
        f'{{"manifests":[{about}],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}}'
    )


GOOD = json.loads(manifest.render(FULL))
DESCRIPTOR = GOOD["config"]
BAD_DESCRIPTORS: dict[str, object] = {
    "a text": "x",
    "nothing": None,
    "no digest": {**DESCRIPTOR, "digest": None},
    "a digest of another kind": {**DESCRIPTOR, "digest": "md5:" + "0" * 32},
    "a digest that climbs": {**DESCRIPTOR, "digest": "sha256:../../x"},
    "a digest with a line's end": {**DESCRIPTOR, "digest": DESCRIPTOR["digest"] + "\n"},
    "no size": {key: value for key, value in DESCRIPTOR.items() if key != "size"},
    "a negative size": {**DESCRIPTOR, "size": -1},
    "a broken size": {**DESCRIPTOR, "size": 1.5},
    "a size that is a text": {**DESCRIPTOR, "size": "5"},
    "a size that is a truth": {**DESCRIPTOR, "size": True},
    "a media type that is a number": {**DESCRIPTOR, "mediaType": 5},
    "annotations that are a list": {**DESCRIPTOR, "annotations": ["a"]},
    "an annotation that is no text": {**DESCRIPTOR, "annotations": {"a": 5}},
    "a platform without architecture": {**DESCRIPTOR, "platform": {"os": "linux"}},
    "an architecture that is no text": {**DESCRIPTOR, "platform": {"architecture": 5}},
}


@pytest.mark.parametrize("summary", BAD_DESCRIPTORS)
def test_another_descriptor_is_refused(summary: str) -> None:
    bad = BAD_DESCRIPTORS[summary]
    for document in ({**GOOD, "config": bad}, {**GOOD, "layers": [bad]}):
        with pytest.raises(FormatError, match=r"cannot read (image manifest|digest): "):
            manifest.read(json.dumps(document).encode())
    with pytest.raises(FormatError, match=r"cannot read (image index|digest): "):
        manifest.read_index(json.dumps({"manifests": [bad]}).encode())


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"{}", id="an empty table"),
        pytest.param(json.dumps({**GOOD, "layers": 5, "manifests": 5}).encode(), id="layers that are a number"),
        pytest.param(json.dumps({**GOOD, "annotations": [["a", "b"]], "manifests": []}).encode(), id="annotations"),
        pytest.param(b"[" * 200_000, id="very deep"),
        pytest.param(b"\xff\xfe", id="no text"),
    ],
)
def test_another_document_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="cannot read image manifest: "):
        manifest.read(data)
    with pytest.raises(FormatError, match="cannot read image index: "):
        manifest.read_index(data)


@given(st.integers(0, len(manifest.render(FULL)) - 1), st.binary(max_size=3), st.integers(0, 4))
def test_damage_gives_format_errors_and_nothing_else(place: int, new: bytes, gone: int) -> None:
    data = manifest.render(FULL)
    try:
        one = manifest.read(data[:place] + new + data[place + gone :])
    except FormatError:
        return
    assert manifest.read(manifest.render(one)) == one
