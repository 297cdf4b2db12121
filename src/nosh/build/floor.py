"""A finished level as a record of the store, found again by everything that decided its bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import cast

from nosh.build.job import Job, Workshop
from nosh.oci.layer import Layer
from nosh.outside.store import Record, Store
from nosh.values import digest
from nosh.values.package import Package

# Raised whenever the same inputs would give other bytes than before, so that no old result is found.
LAYOUT = 2


@dataclass(frozen=True, slots=True)
class Counts:
    """What a root file system has; `size` in bytes of file contents, `shells` the paths of command interpreters."""

    files: int
    executables: int
    size: int
    shells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Floor:
    """A finished level.

    Attributes:
        layers: name and layer, lowest first; one that is named as the level, or one for each of its pieces.
        time: of its newest input, seconds since 1970.
        counts: of this level and all below it.
        pieces: owner and key of the record of each piece.
    """

    name: str
    layers: tuple[tuple[str, Layer], ...]
    time: int
    counts: Counts
    packages: tuple[Package, ...]
    pieces: tuple[tuple[str, str], ...]


def keys(jobs: Sequence[Job], shop: Workshop) -> tuple[str, ...]:
    """Return the key of each level; it covers the levels below."""
    found: list[str] = []
    for job in jobs:
        found.append(_key(job, found[-1] if found else "", shop))
    return tuple(found)


def _key(job: Job, below: str, shop: Workshop) -> str:
    packages = [package.digest for package in job.everything]
    parts = (LAYOUT, below, job.level, job.ground.release.name, str(job.ground.platform), job.rules, packages)
    return digest.of_text(repr((*parts, shop.compressor.version, shop.layers)))


def recall(key: str, store: Store) -> Floor | None:
    """Return a level that was made before and still is there."""
    record = store.recall("floor", key)
    if record is None:
        return None
    try:
        floor = _read(record)
    except (KeyError, TypeError):
        return None
    return floor if all(store.has(layer.digest, layer.size) for _, layer in floor.layers) else None


def _read(record: Record) -> Floor:
    layers = cast("list[tuple[str, Mapping[str, str]]]", record["layers"])
    counts = cast("Mapping[str, int]", record["counts"])
    shells = cast("list[str]", counts["shells"])
    packages = cast("list[Mapping[str, str]]", record["packages"])
    parts = cast("list[tuple[str, str]]", record["pieces"])
    return Floor(
        name=str(record["name"]),
        layers=tuple((name, Layer(**layer)) for name, layer in layers),  # type: ignore[arg-type] # what asdict wrote
        time=cast("int", record["time"]),
        counts=Counts(counts["files"], counts["executables"], counts["size"], tuple(shells)),
        packages=tuple(Package(**package) for package in packages),  # type: ignore[arg-type] # what asdict wrote
        pieces=tuple((owner, key) for owner, key in parts),
    )


def remember(key: str, floor: Floor, store: Store) -> None:
    """Keep the record of a level."""
    store.remember("floor", key, record=asdict(floor))
