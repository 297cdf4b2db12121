"""nosh's own images: by name, sharing what they share, and gone without a trace when they are removed."""

from pathlib import Path

import pytest
from tests.simulators import small_image, trees

from nosh.oci import images, layout
from nosh.oci.image import Image
from nosh.outside.store import Store, blob_path
from nosh.values import digest
from nosh.values.errors import NotFoundError, StoreError, UsageError, VerificationError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "images"


def keep(store: Store, folder: Path, name: str, text: str) -> Image:
    with small_image.press(store.root) as press:
        image = small_image.make(press, [trees.file("a", text)])
    images.write(image, folder, name, store)
    return image


def blobs(folder: Path) -> set[str]:
    return {path.name for path in (folder / "blobs/sha256").iterdir()}


def needed(*kept: Image) -> set[str]:
    every = [one for image in kept for one in (image.digest, image.manifest.config.digest, image.layers[0].digest)]
    return {digest.hex_of(one) for one in every}


def test_images_are_found_by_name(store: Store, folder: Path) -> None:
    one, two = keep(store, folder, "hello", "1"), keep(store, folder, "a/b:v1", "2")
    assert images.read(folder, "hello").digest == one.digest
    assert images.read(folder, "hello:latest").digest == one.digest
    assert images.read(folder, "a/b:v1").digest == two.digest
    assert list(images.listing(folder)) == [
        images.Named("a/b:v1", two.digest, two.compressed_size, small_image.CREATED, "linux/amd64"),
        images.Named("hello:latest", one.digest, one.compressed_size, small_image.CREATED, "linux/amd64"),
    ]


def test_before_the_first_image_there_is_none(folder: Path) -> None:
    assert list(images.listing(folder)) == []
    with pytest.raises(NotFoundError, match="cannot find image hello:latest") as caught:
        images.read(folder, "hello")
    assert "nosh build" in caught.value.hint
    with pytest.raises(NotFoundError):
        images.remove(folder, "hello")
    assert not folder.exists()


def test_a_near_miss_is_named(store: Store, folder: Path) -> None:
    keep(store, folder, "hello", "1")
    with pytest.raises(NotFoundError) as caught:
        images.read(folder, "helo")
    assert caught.value.hint == "did you mean hello:latest?"


def test_a_name_moves_on(store: Store, folder: Path) -> None:
    keep(store, folder, "hello", "1")
    two = keep(store, folder, "hello", "2")
    assert images.read(folder, "hello").digest == two.digest
    assert len(list(images.listing(folder))) == 1


def test_layers_are_files_of_the_cache(store: Store, folder: Path) -> None:
    one = keep(store, folder, "hello", "1")
    assert blob_path(folder, one.layers[0].digest).samefile(store.path(one.layers[0].digest))


def test_removing_sweeps_what_nobody_needs(store: Store, folder: Path) -> None:
    one, two = keep(store, folder, "one", "1"), keep(store, folder, "two", "2")
    images.write(one, folder, "again", store)
    assert blobs(folder) == needed(one, two)
    images.remove(folder, "one")
    assert blobs(folder) == needed(one, two), "it has another name"
    images.remove(folder, "again")
    assert blobs(folder) == needed(two)
    assert store.has(one.layers[0].digest), "the cache has its own name of it"
    images.remove(folder, "two:latest")
    assert blobs(folder) == set()
    assert list(images.listing(folder)) == []


def test_what_two_images_share_stays(store: Store, folder: Path) -> None:
    one = keep(store, folder, "one", "1")
    other = layout.open_image(folder, one.digest)
    images.write(other, folder, "two", store)
    images.remove(folder, "two")
    assert blobs(folder) == needed(one)


def test_removing_what_is_not_there_changes_nothing(store: Store, folder: Path) -> None:
    one = keep(store, folder, "one", "1")
    with pytest.raises(NotFoundError, match="cannot find image two:latest"):
        images.remove(folder, "two")
    assert blobs(folder) == needed(one)


def test_a_damaged_image_can_be_removed(store: Store, folder: Path) -> None:
    one, two = keep(store, folder, "one", "1"), keep(store, folder, "two", "2")
    blob_path(folder, one.digest).unlink()
    with pytest.raises(StoreError):
        images.read(folder, "one")
    images.remove(folder, "one")
    assert blobs(folder) == needed(two)


def test_nothing_is_swept_while_nobody_knows_what_a_damaged_image_needs(store: Store, folder: Path) -> None:
    one, two = keep(store, folder, "one", "1"), keep(store, folder, "two", "2")
    blob_path(folder, one.digest).write_bytes(b"{}")
    with pytest.raises(VerificationError):
        images.read(folder, "one")
    images.remove(folder, "two")
    assert blobs(folder) == needed(one, two)
    images.remove(folder, "one")
    assert blobs(folder) == set()


@pytest.mark.parametrize(
    ("text", "name"),
    [("a", "a:latest"), ("a:b", "a:b"), ("a-b__c.d/e:F_1.2-3", "a-b__c.d/e:F_1.2-3"), ("a:", "a:latest")],
)
def test_names(text: str, name: str) -> None:
    assert images.full_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":x",
        "A",
        "a:b:c",
        "a b",
        "-a",
        "a-",
        "a//b",
        "/a",
        "a/",
        "../a",
        "a:.",
        "a:" + "t" * 129,
        "ü",
        "a\n",
        "a:b\n",
    ],
)
def test_names_that_are_no_names(folder: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"cannot use .* as an image name") as caught:
        images.read(folder, text)
    assert "lower-case" in caught.value.hint


def test_one_damaged_image_hides_no_other(store: Store, folder: Path) -> None:
    one, two = keep(store, folder, "one", "1"), keep(store, folder, "two", "2")
    blob_path(folder, one.manifest.config.digest).write_bytes(b"{}")
    damaged, whole = images.listing(folder)
    assert isinstance(damaged, images.Damaged)
    assert (damaged.name, damaged.digest) == ("one:latest", one.digest)
    assert isinstance(whole, images.Named)
    assert whole.digest == two.digest
