"""Small images, made by the same steps as large ones."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.simulators.trees import TIME, Member

from nosh.formats import compression
from nosh.oci import edit, piece
from nosh.oci.config import Config, History
from nosh.oci.image import Image
from nosh.oci.layer import Layer
from nosh.oci.piece import Press
from nosh.outside.store import Store
from nosh.rootfs import merge
from nosh.values import platform
from nosh.values.piece import Piece

AMD64 = platform.parse("linux/amd64")
CREATED = "2026-01-02T03:04:05Z"


@contextmanager
def press(root: Path, *, compressor: str = "gzip", cores: int = 1) -> Iterator[Press]:
    with ThreadPoolExecutor(cores) as pool:
        yield Press(Store(root), compression.compressor(compressor), pool)


def make(press: Press, *packages: Sequence[Member]) -> Image:
    """Return an image with one layer of these packages, whose blobs are in the press's store."""
    layer, _ = make_layer(press, *packages)
    empty = edit.compose(Config(AMD64, created=CREATED), (), {}, press.store.open)
    return edit.append(empty, layer, History("nosh", CREATED))


def make_layer(press: Press, *packages: Sequence[Member]) -> tuple[Layer, tuple[Piece, ...]]:
    pieces = tuple(piece.make(press, members, time=TIME) for members in packages)
    merged = merge.lay({}, [(str(number), one) for number, one in enumerate(pieces)])
    return piece.assemble(press, merged.directories, pieces), pieces
