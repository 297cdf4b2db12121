"""OCI image layouts: a folder of blobs and an index of names (image-spec `image-layout.md`)."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from nosh.oci import manifest as manifests
from nosh.oci.image import Image
from nosh.oci.manifest import Descriptor, Index
from nosh.outside import store
from nosh.values.digest import Digest
from nosh.values.errors import InputError, NotFoundError

MARK = b'{"imageLayoutVersion":"1.0.0"}'
NAME = "org.opencontainers.image.ref.name"


def descriptor(image: Image, name: str) -> Descriptor:
    """Return how an index names an image."""
    return Descriptor(
        manifests.MEDIA_TYPE,
        image.digest,
        len(image.manifest_bytes),
        {NAME: name} if name else {},
        image.config.platform,
    )


def blobs(image: Image) -> Iterator[tuple[Digest, int, Callable[[], BinaryIO]]]:
    """Yield digest, size and a way to the contents of every blob of an image: layers, configuration, manifest."""
    for layer in dict.fromkeys((layer.digest, layer.size) for layer in image.layers):
        yield *layer, partial(image.open, layer[0])
    yield image.manifest.config.digest, len(image.config_bytes), partial(BytesIO, image.config_bytes)
    yield image.digest, len(image.manifest_bytes), partial(BytesIO, image.manifest_bytes)


def read_index(folder: Path) -> Index:
    """Return the index of a layout.

    Raises:
        InputError: the folder is no layout.
    """
    if not (folder / "oci-layout").is_file():
        raise InputError(f"cannot read image layout {folder}: it has no file oci-layout")
    with store.guard("read", folder):
        return manifests.read_index((folder / "index.json").read_bytes())


def read(folder: Path, name: str = "") -> Image:
    """Return an image of a layout; `name` may be left out if there is but one.

    Raises:
        InputError: the folder is no layout, or holds several images and none is named.
        NotFoundError: there is no image of that name.
    """
    found = read_index(folder).manifests
    chosen = [item for item in found if not name or item.annotations.get(NAME) == name]
    if not chosen:
        known = ", ".join(sorted(item.annotations.get(NAME, "") for item in found))
        raise NotFoundError(f"cannot find image {name!r} in {folder}", hint=f"it has {known}" if known else "")
    if len({item.digest for item in chosen}) > 1:
        raise InputError(f"cannot choose an image of {folder}: it has {len(chosen)}", hint="add :TAG")
    return open_image(folder, chosen[0].digest)


def open_image(folder: Path, digest: Digest) -> Image:
    """Return the image with that manifest; manifest and configuration are checked against their digests.

    Raises:
        VerificationError: a blob has other contents.
        StoreError: a blob is missing.
    """
    manifest_bytes = _small(folder, digest)
    config_bytes = _small(folder, manifests.read(manifest_bytes).config.digest)

    def open_blob(wanted: Digest) -> BinaryIO:
        with store.guard("read", folder):
            return store.blob_path(folder, wanted).open("rb")

    return Image(manifest_bytes, config_bytes, open_blob)


def _small(folder: Path, digest: Digest) -> bytes:
    with store.guard("read", folder):
        data = store.blob_path(folder, digest).read_bytes()
    store.check(data, digest)
    return data


def add(image: Image, folder: Path, item: Descriptor, *, link_from: Path | None = None) -> None:
    """Bring an image into a layout under the name in its descriptor, taking the name from another one.

    The layout is made if it is not there; one process at a time changes it.

    Args:
        image: what to bring.
        folder: the layout.
        item: how the index names the image, see `descriptor`.
        link_from: blobs that are files of this folder are shared by hard link where that is possible.

    Raises:
        StoreError: the disk is full or not writable.
        VerificationError: a layer has other contents than its digest says.
    """
    with store.lock_file(folder / ".lock"):
        mark = folder / "oci-layout"
        if not mark.exists():
            store.replace(mark, MARK)
        for digest, size, open_ in blobs(image):
            target = store.blob_path(folder, digest)
            with store.guard("write", folder):
                there = target.exists() and target.stat().st_size == size
            if there or (link_from and store.link(store.blob_path(link_from, digest), target)):
                continue
            with open_() as contents:
                _copy(contents, folder, digest)
        with contextlib.suppress(OSError):
            (folder / "tmp").rmdir()
        _name(folder, item)


def _copy(contents: BinaryIO, folder: Path, digest: Digest) -> None:
    with store.Writer(folder) as writer:
        while data := contents.read(1 << 20):
            writer.write(data)
        store.check_digest(writer.digest(), digest)
        writer.commit()


def _name(folder: Path, item: Descriptor) -> None:
    known = read_index(folder).manifests if (folder / "index.json").exists() else ()
    wanted = item.annotations.get(NAME)
    others = tuple(other for other in known if other.annotations.get(NAME) != wanted)
    kept = sorted((*others, item), key=lambda one: (one.annotations.get(NAME, ""), one.digest))
    if tuple(kept) != known:
        store.replace(folder / "index.json", manifests.render_index(Index(tuple(kept))))


def write(image: Image, folder: Path, tag: str = "latest") -> None:
    """Write an image into a layout beside what it holds.

    Raises:
        InputError: the folder is there and is something else.
        StoreError: the disk is full or not writable.
        VerificationError: a layer has other contents than its digest says.
    """
    with store.guard("read", folder):
        other = folder.exists() and not (folder / "oci-layout").exists()
        if other and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(
                f"cannot write image layout {folder}: the folder is there and holds something else",
                hint="name a new or an empty folder",
            )
    add(image, folder, descriptor(image, tag))
