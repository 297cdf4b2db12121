"""Where an image goes besides nosh's own images: folders and files, as `-o` names them."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nosh.values.errors import UsageError

if TYPE_CHECKING:
    from nosh.oci.image import Image

_KINDS = ("oci", "oci-archive", "docker-archive")


@dataclass(frozen=True, slots=True)
class Destination:
    """A place of one of the kinds ``oci``, ``oci-archive`` and ``docker-archive``; ``-`` is standard output."""

    kind: str
    place: str


def parse(text: str) -> Destination:
    """Read ``oci:DIR[:TAG]``, ``oci-archive:F``, ``docker-archive:F``, a bare folder or a bare ``F.tar``.

    Raises:
        UsageError: the place is missing, or the folder that it would be in.
    """
    kind, colon, place = text.partition(":")
    if not colon or kind not in _KINDS:
        kind, place = ("docker-archive" if text.endswith(".tar") or text == "-" else "oci"), text
    if not place:
        raise UsageError(f"cannot write to {text!r}: the place is missing", hint="as in oci:DIR or F.tar")
    parent = Path(place).absolute().parent
    if place != "-" and not parent.is_dir():
        raise UsageError(f"cannot write to {text!r}: there is no folder {parent}")
    return Destination(kind, place)


def parse_all(texts: Sequence[str], *, images: int) -> tuple[Destination, ...]:
    """Read all places that this many images go to.

    Raises:
        UsageError: one of them is wrong, or has no room for them.
    """
    found = tuple(parse(text) for text in texts)
    for one in found:
        if images > 1 and (one.kind != "oci" or ":" in one.place):
            raise UsageError(
                f"cannot write {images} images to {one.place!r}: it has room for one",
                hint="write them to a folder, as in -o DIR, or build them one after the other",
            )
    if sum(one.place == "-" for one in found) > 1:
        raise UsageError("cannot write to standard output twice")
    return found


def write(image: "Image", name: str, destination: Destination) -> None:
    """Write an image there, whole or not at all.

    Raises:
        InputError: the folder holds something else, or Docker could not read the image.
        StoreError: the disk is full or not writable.
    """
    from nosh.oci import docker_archive, layout  # noqa: PLC0415 - start-up time
    from nosh.outside import store  # noqa: PLC0415 - start-up time

    docker = destination.kind == "docker-archive"
    if destination.kind == "oci":
        folder, _, tag = destination.place.partition(":")
        layout.write(image, Path(folder), tag or name.rpartition(":")[2])
    elif destination.place == "-":
        docker_archive.write(image, sys.stdout.buffer.write, name, docker=docker)
    else:
        with store.new_file(Path(destination.place)) as write_bytes:
            docker_archive.write(image, write_bytes, name, docker=docker)
