"""The values that a build starts from: a workshop, the ground that an image stands on, a job for each level.

A build that finds everything in the store ends with these, so that this module imports little.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nosh.resolve import exact
from nosh.rootfs.select import Rules
from nosh.sources import distributions
from nosh.sources.distributions import Release
from nosh.sources.source import Source
from nosh.values.package import Package
from nosh.values.platform import Platform
from nosh.values.progress import SILENT, Progress

if TYPE_CHECKING:
    from nosh.formats.compression import Compressor
    from nosh.outside.http import Web
    from nosh.outside.store import Store
    from nosh.recipes.recipe import Level, Part, Selected
    from nosh.sources.tools import Tools

LAYERS = ("level", "package")

Connect = Callable[[Release, Platform], Source]


@dataclass(frozen=True)
class Workshop:
    """What building needs besides the recipe.

    Attributes:
        epoch: no time later than this goes into an image (SOURCE_DATE_EPOCH); 0 for no limit.
        layers: ``level`` puts a level's pieces together as one layer, ``package`` makes each a layer of its own.
        cores: how many threads work at a time.
    """

    store: "Store"
    web: "Web"
    tools: "Tools"
    compressor: "Compressor"
    progress: Progress = SILENT
    epoch: int = 0
    layers: str = LAYERS[0]
    cores: int = 2


@dataclass(frozen=True)
class Ground:
    """What all levels of one image stand on.

    Attributes:
        connect: gives the source of another release, for single files of it.
        libc: version of the C library's package in the image, or nothing.
    """

    source: Source
    release: Release
    platform: Platform
    connect: Connect
    libc: str


@dataclass(frozen=True)
class Job:
    """A level with everything that decides its bytes.

    Attributes:
        packages: the exact packages, in the order of the recipe.
        parts: single files, with the source and package that each is taken from.
    """

    level: "Level"
    packages: tuple[Package, ...]
    rules: Rules
    ground: Ground
    parts: tuple[tuple["Part", Source, Package], ...] = ()

    @property
    def everything(self) -> tuple[Package, ...]:
        """All packages of which the level has something."""
        return (*self.packages, *(package for _, _, package in self.parts))


def _job(level: "Level", packages: tuple[Package, ...], rules: Rules, ground: Ground) -> Job:
    """Return the job of a level, with the packages that its single files are taken from."""
    parts = []
    for part in level.parts:
        release = distributions.release(part.release) if part.release else ground.release
        other = ground.connect(release, ground.platform)
        parts.append((part, other, exact.pick((part.package,), other.find, other.names)[0]))
    return Job(level, packages, rules, ground, tuple(parts))


def plan(selected: "Selected", chosen: Sequence[tuple[Package, ...]], ground: Ground, epoch: int) -> tuple[Job, ...]:
    """Return the jobs of a selected recipe, lowest first; what a level cuts, those above it cut as well."""
    rules = Rules(merged=ground.release.merged, epoch=epoch)
    jobs = []
    for level, packages in zip(selected.levels, chosen, strict=True):
        rules = replace(rules, cut=rules.cut + level.cut, keep=rules.keep + level.keep)
        jobs.append(_job(level, packages, rules, ground))
    return tuple(jobs)
