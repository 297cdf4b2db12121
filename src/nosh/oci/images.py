"""nosh's own images: one OCI image layout in the data folder, with names like ``hello:latest``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nosh.oci import layout
from nosh.oci import manifest as manifests
from nosh.oci.image import Image
from nosh.oci.manifest import Descriptor, Index
from nosh.outside import store
from nosh.outside.store import Store
from nosh.values.digest import Digest
from nosh.values.errors import Error, NotFoundError, UsageError
from nosh.values.suggest import hint

_NAME = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Named:
    """An image by name; `size` is what a registry would keep, in bytes."""

    name: str
    digest: Digest
    size: int
    created: str
    platform: str


@dataclass(frozen=True, slots=True)
class Damaged:
    """An image that has a name and cannot be read, and why."""

    name: str
    digest: Digest
    reason: str


def full_name(text: str) -> str:
    """Return ``name:tag``, the tag being ``latest`` if it is left out.

    Raises:
        UsageError: it is no image name.
    """
    name, _, tag = text.partition(":")
    tag = tag or "latest"
    if not _NAME.fullmatch(name) or not _TAG.fullmatch(tag):
        raise UsageError(
            f"cannot use {text!r} as an image name",
            hint="lower-case letters, digits, dots, dashes and slashes, then perhaps :TAG",
        )
    return f"{name}:{tag}"


def write(image: Image, folder: Path, name: str, cache: Store) -> None:
    """Keep an image under a name; its layers are shared with the cache by hard link where that is possible.

    Raises:
        StoreError: the disk is full or not writable.
    """
    layout.add(image, folder, layout.descriptor(image, full_name(name)), link_from=cache.root)


def read(folder: Path, name: str) -> Image:
    """Return the image of that name.

    Raises:
        NotFoundError: there is none.
    """
    return layout.open_image(folder, _find(folder, full_name(name)).digest)


def _find(folder: Path, full: str) -> Descriptor:
    for item in _index(folder).manifests:
        if item.annotations.get(layout.NAME) == full:
            return item
    known = [item.annotations.get(layout.NAME, "") for item in _index(folder).manifests]
    raise NotFoundError(
        f"cannot find image {full}: nosh has none of that name",
        hint=hint(full, known) or "build one with `nosh build`, or see `nosh images`",
    )


def _index(folder: Path) -> Index:
    return layout.read_index(folder) if (folder / "index.json").exists() else Index(())


def listing(folder: Path) -> Iterator[Named | Damaged]:
    """Yield every named image, by name."""
    for item in _index(folder).manifests:
        name = item.annotations.get(layout.NAME, "")
        try:
            image = layout.open_image(folder, item.digest)
            yield Named(name, item.digest, image.compressed_size, image.config.created, str(image.config.platform))
        except Error as error:
            yield Damaged(name, item.digest, error.message)


def remove(folder: Path, name: str) -> None:
    """Take a name away, and every blob that no other image needs; the image may be damaged.

    Raises:
        NotFoundError: there is no image of that name.
    """
    full = full_name(name)
    _find(folder, full)
    with store.lock_file(folder / ".lock"):
        kept = tuple(item for item in _index(folder).manifests if item.annotations.get(layout.NAME) != full)
        store.replace(folder / "index.json", manifests.render_index(Index(kept)))
        _sweep(folder, kept_digests={item.digest for item in kept})


def _sweep(folder: Path, kept_digests: set[Digest]) -> None:
    needed = set(kept_digests)
    for digest in kept_digests:
        try:
            image = layout.open_image(folder, digest)
        except Error as error:
            # Nobody knows what a damaged image needs: nothing goes before it does.
            import logging  # noqa: PLC0415 - start-up time

            logging.getLogger(__name__).warning("nothing is swept from %s: %s", folder, error.message)
            return
        needed |= {image.manifest.config.digest, *(layer.digest for layer in image.layers)}
    names = {digest.partition(":")[2] for digest in needed}
    with store.guard("remove", folder):
        for blob in (folder / "blobs" / "sha256").iterdir():
            if blob.name not in names:
                blob.unlink(missing_ok=True)
