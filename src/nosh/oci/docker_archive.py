"""A tar that `docker load` (20.10 and newer) and `podman load` read, and that is an OCI image layout as well."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

from nosh.formats import tar
from nosh.oci import layout
from nosh.oci import manifest as manifests
from nosh.oci.image import GZIP, Image
from nosh.oci.manifest import Index
from nosh.outside.store import check_digest
from nosh.values import digest as digests
from nosh.values.digest import Digest
from nosh.values.entry import Entry, Kind
from nosh.values.errors import InputError

_CONTAINERD_NAME = "io.containerd.image.name"


def write(image: Image, write_bytes: Callable[[bytes], object], name: str, *, docker: bool = True) -> None:
    """Write the tar; its bytes depend on the image and the name only.

    Args:
        image: what to write.
        write_bytes: takes the tar's bytes in order.
        name: ``name:tag`` that the engine gives it.
        docker: write the part that Docker reads, too; without it the tar is a plain OCI layout.

    Raises:
        InputError: Docker cannot read the image's layers.
        VerificationError: a layer has other contents than its digest says.
    """
    if docker and any(layer.media_type != GZIP for layer in image.layers):
        raise InputError(
            "cannot write docker-archive: not every Docker reads layers that are not gzip",
            hint="build with --compression gzip, or write oci-archive:FILE",
        )
    for directory in ("blobs", "blobs/sha256"):
        write_bytes(tar.header(Entry(directory, Kind.DIRECTORY, 0o755)))
    for digest, size, open_ in sorted(layout.blobs(image), key=lambda blob: blob[0]):
        write_bytes(tar.header(Entry(_place(digest), Kind.FILE, 0o644, size=size)))
        with open_() as contents:
            _copy(contents, write_bytes, digest)
        write_bytes(tar.padding(size))
    about = layout.descriptor(image, name)
    if docker:
        # Podman takes the one name, Docker on containerd the other.
        about = replace(about, annotations={**about.annotations, _CONTAINERD_NAME: f"docker.io/library/{name}"})
    index = manifests.render_index(Index((about,)))
    _small(write_bytes, "index.json", index)
    if docker:
        _small(write_bytes, "manifest.json", _manifest(image, name))
    _small(write_bytes, "oci-layout", layout.MARK)
    write_bytes(tar.END)


def _place(digest: Digest) -> str:
    return f"blobs/sha256/{digests.hex_of(digest)}"


def _manifest(image: Image, name: str) -> bytes:
    document = {
        "Config": _place(image.manifest.config.digest),
        "RepoTags": [name],
        "Layers": [_place(layer.digest) for layer in image.layers],
    }
    return json.dumps([document], sort_keys=True, separators=(",", ":")).encode()


def _small(write_bytes: Callable[[bytes], object], path: str, data: bytes) -> None:
    write_bytes(tar.header(Entry(path, Kind.FILE, 0o644, size=len(data))))
    write_bytes(data)
    write_bytes(tar.padding(len(data)))


def _copy(contents: BinaryIO, write_bytes: Callable[[bytes], object], expected: Digest) -> None:
    found = hashlib.sha256()
    while data := contents.read(1 << 20):
        found.update(data)
        write_bytes(data)
    check_digest(Digest("sha256:" + found.hexdigest()), expected)
