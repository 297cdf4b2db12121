"""Image layouts: several images share a folder, whatever is damaged or missing is noticed."""

import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.simulators import small_image, trees

from nosh.oci import edit, layout, manifest
from nosh.oci.image import Image
from nosh.oci.layout import NAME
from nosh.values import digest
from nosh.values.errors import FormatError, InputError, NotFoundError, StoreError, VerificationError


def image(root: Path, text: str = "1") -> Image:
    with small_image.press(root) as press:
        return small_image.make(press, [trees.file("a", text)], [trees.file("shared", "same")])


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {".lock"}


def blobs(*images: Image) -> set[str]:
    found = set()
    for one in images:
        for about in (one.digest, one.manifest.config.digest, *(layer.digest for layer in one.layers)):
            found.add(f"blobs/sha256/{digest.hex_of(about)}")
    return found


def test_a_layout_is_what_the_specification_says(tmp_path: Path) -> None:
    """image-layout.md: 'blobs directory', 'oci-layout file', 'index.json file', each digest under its algorithm."""
    one = image(tmp_path / "store")
    folder = tmp_path / "layout"
    layout.write(one, folder)
    assert names(folder) == {"oci-layout", "index.json"} | blobs(one)
    assert not (folder / "tmp").exists()
    assert json.loads((folder / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    for path in (folder / "blobs/sha256").iterdir():
        assert digest.hex_of(digest.of(path.read_bytes())) == path.name
        assert path.stat().st_mode & 0o777 == 0o644
    [item] = layout.read_index(folder).manifests
    assert (item.digest, item.size, item.media_type) == (one.digest, len(one.manifest_bytes), manifest.MEDIA_TYPE)
    assert item.annotations == {NAME: "latest"}
    assert item.platform == small_image.AMD64


def test_what_is_written_is_read(tmp_path: Path) -> None:
    one = image(tmp_path / "store")
    layout.write(one, tmp_path / "layout")
    for name in ("", "latest"):
        found = layout.read(tmp_path / "layout", name)
        assert (found.manifest_bytes, found.config_bytes) == (one.manifest_bytes, one.config_bytes)
        with found.open(one.layers[0].digest) as mine, one.open(one.layers[0].digest) as theirs:
            assert mine.read() == theirs.read()


def test_two_images_share_a_layout(tmp_path: Path) -> None:
    one, two = image(tmp_path / "store"), image(tmp_path / "store", "2")
    folder = tmp_path / "layout"
    layout.write(one, folder, "b")
    layout.write(two, folder, "a")
    assert names(folder) == {"oci-layout", "index.json"} | blobs(one, two)
    assert [item.annotations[NAME] for item in layout.read_index(folder).manifests] == ["a", "b"]
    assert layout.read(folder, "a").digest == two.digest
    assert layout.read(folder, "b").digest == one.digest
    with pytest.raises(InputError, match=r"cannot choose an image of .*: it has 2") as caught:
        layout.read(folder)
    assert caught.value.hint == "add :TAG"
    with pytest.raises(NotFoundError, match="cannot find image 'c'") as missing:
        layout.read(folder, "c")
    assert missing.value.hint == "it has a, b"


def test_the_order_of_writing_does_not_matter(tmp_path: Path) -> None:
    one, two = image(tmp_path / "store"), image(tmp_path / "store", "2")
    for number, order in enumerate(([("a", one), ("b", two)], [("b", two), ("a", one)])):
        for name, written in order:
            layout.write(written, tmp_path / str(number), name)
    assert (tmp_path / "0/index.json").read_bytes() == (tmp_path / "1/index.json").read_bytes()


def test_a_name_moves_on(tmp_path: Path) -> None:
    one, two = image(tmp_path / "store"), image(tmp_path / "store", "2")
    for written in (one, two, two):
        layout.write(written, tmp_path / "layout")
    assert layout.read(tmp_path / "layout").digest == two.digest
    assert len(layout.read_index(tmp_path / "layout").manifests) == 1


def test_the_same_image_under_two_names_needs_no_choice(tmp_path: Path) -> None:
    one = image(tmp_path / "store")
    layout.write(one, tmp_path / "layout", "a")
    layout.write(one, tmp_path / "layout", "b")
    assert layout.read(tmp_path / "layout").digest == one.digest


def test_an_empty_folder_will_do_and_another_will_not(tmp_path: Path) -> None:
    one = image(tmp_path / "store")
    (tmp_path / "empty").mkdir()
    layout.write(one, tmp_path / "empty")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_text("kept")
    (tmp_path / "file").write_text("kept")
    for name in ("full", "file"):
        with pytest.raises(InputError, match="holds something else") as caught:
            layout.write(one, tmp_path / name)
        assert caught.value.hint
    assert names(tmp_path / "full") == {"x"}


def test_a_folder_that_is_no_layout_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match=r"cannot read image layout .*: it has no file oci-layout"):
            layout.read(folder)
    (tmp_path / "oci-layout").write_bytes(layout.MARK)
    with pytest.raises(StoreError, match=r"cannot read .*index.json"):
        layout.read(tmp_path)
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(FormatError, match="cannot read image index"):
        layout.read(tmp_path)


@pytest.mark.parametrize("which", ["manifest", "configuration"])
def test_manifest_and_configuration_are_checked(tmp_path: Path, which: str) -> None:
    one = image(tmp_path / "store")
    folder = tmp_path / "layout"
    layout.write(one, folder)
    about = one.digest if which == "manifest" else one.manifest.config.digest
    path = folder / "blobs/sha256" / digest.hex_of(about)
    path.write_bytes(path.read_bytes().replace(b"a", b"b", 1))
    with pytest.raises(VerificationError, match="have changed on disk"):
        layout.read(folder)
    path.unlink()
    with pytest.raises(StoreError, match="cannot read") as caught:
        layout.read(folder)
    assert "verify --repair" in caught.value.hint


def test_a_layer_that_is_gone_is_told_when_it_is_opened(tmp_path: Path) -> None:
    one = image(tmp_path / "store")
    layout.write(one, tmp_path / "layout")
    found = layout.read(tmp_path / "layout")
    (tmp_path / "layout/blobs/sha256" / digest.hex_of(one.layers[0].digest)).unlink()
    with pytest.raises(StoreError, match="cannot read"):
        found.open(one.layers[0].digest)


def test_a_layer_of_other_contents_is_not_written(tmp_path: Path) -> None:
    one = image(tmp_path / "store")
    place = tmp_path / "store/blobs/sha256" / digest.hex_of(one.layers[0].digest)
    place.write_bytes(place.read_bytes() + b"x")
    with pytest.raises(VerificationError, match="have changed on disk"):
        layout.write(one, tmp_path / "layout")
    assert names(tmp_path / "layout") == {"oci-layout"}
    with pytest.raises(StoreError):
        layout.read(tmp_path / "layout")


def test_a_blob_of_another_size_is_written_again(tmp_path: Path) -> None:
    one = image(tmp_path / "store")
    folder = tmp_path / "layout"
    layout.write(one, folder)
    for about in (one.digest, one.layers[0].digest):
        path = folder / "blobs/sha256" / digest.hex_of(about)
        path.write_bytes(b"short")
    layout.write(one, folder)
    for path in (folder / "blobs/sha256").iterdir():
        assert digest.hex_of(digest.of(path.read_bytes())) == path.name


def test_blobs_are_shared_by_hard_link_where_that_is_possible(tmp_path: Path) -> None:
    one = image(tmp_path / "store")
    folder = tmp_path / "layout"
    layout.add(one, folder, layout.descriptor(one, "x"), link_from=tmp_path / "store")
    name = f"blobs/sha256/{digest.hex_of(one.layers[0].digest)}"
    assert (folder / name).samefile(tmp_path / "store" / name)
    assert names(folder) == {"oci-layout", "index.json"} | blobs(one)
    layout.add(one, tmp_path / "other", layout.descriptor(one, "x"), link_from=tmp_path / "none")
    assert not (tmp_path / "other" / name).samefile(tmp_path / "store" / name)


def test_layers_that_come_twice_are_written_once(tmp_path: Path) -> None:
    one = image(tmp_path / "store")
    config = replace(one.config, diff_ids=one.config.diff_ids * 2, history=one.config.history * 2)
    twice = edit.compose(config, one.layers * 2, {}, one.open)
    layout.write(twice, tmp_path / "layout")
    assert layout.read(tmp_path / "layout").layers == one.layers * 2


def _write(store: Path, folder: Path, number: int) -> None:
    layout.write(image(store, str(number)), folder, f"t{number}")


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write, args=(tmp_path / "s", tmp_path / "l", number)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert [item.annotations[NAME] for item in layout.read_index(tmp_path / "l").manifests] == ["t0", "t1", "t2"]
    for number in range(3):
        assert layout.read(tmp_path / "l", f"t{number}").digest == image(tmp_path / "s", str(number)).digest
