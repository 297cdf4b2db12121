"""Where an image goes: ``-o`` and its spellings."""

from pathlib import Path

import pytest

from nosh.cli import destination
from nosh.cli.destination import Destination
from nosh.values.errors import UsageError


@pytest.mark.parametrize(
    ("text", "kind", "place"),
    [
        ("out", "oci", "out"),
        ("out/", "oci", "out/"),
        ("oci:out", "oci", "out"),
        ("oci:out:1.0", "oci", "out:1.0"),
        ("./out", "oci", "./out"),
        ("image.tar", "docker-archive", "image.tar"),
        ("docker-archive:image", "docker-archive", "image"),
        ("docker-archive:image.tar", "docker-archive", "image.tar"),
        ("oci-archive:image.tar", "oci-archive", "image.tar"),
        ("oci:image.tar", "oci", "image.tar"),
        ("-", "docker-archive", "-"),
        ("oci-archive:-", "oci-archive", "-"),
        ("other:name", "oci", "other:name"),
    ],
)
def test_a_place_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, kind: str, place: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert destination.parse(text) == Destination(kind, place)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the place is missing"),
        ("oci:", "the place is missing"),
        ("docker-archive:", "the place is missing"),
        ("none/out", "there is no folder"),
        ("oci-archive:none/image.tar", "there is no folder"),
        ("file/out", "there is no folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    with pytest.raises(UsageError, match=message):
        destination.parse(text)


@pytest.mark.parametrize(
    ("texts", "images", "message"),
    [
        pytest.param(["image.tar"], 2, "cannot write 2 images to 'image.tar'", id="an archive has room for one"),
        pytest.param(["oci:out:tag"], 2, "cannot write 2 images to 'out:tag'", id="and so has a tag"),
        pytest.param(["-"], 2, "cannot write 2 images to '-'", id="and standard output"),
        pytest.param(["-", "oci-archive:-"], 1, "standard output twice", id="standard output twice"),
    ],
)
def test_every_image_has_a_place_of_its_own(texts: list[str], images: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        destination.parse_all(texts, images=images)


def test_a_folder_has_room_for_several_images() -> None:
    assert destination.parse_all(["out", "oci:other"], images=2) == (
        Destination("oci", "out"),
        Destination("oci", "other"),
    )
    assert destination.parse_all([], images=2) == ()
