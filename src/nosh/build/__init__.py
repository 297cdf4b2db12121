"""THE PIPELINE: from a recipe to an image, one line a stage. Read this first."""

from dataclasses import dataclass

from nosh.build import finished
from nosh.build import floor as floors
from nosh.build import job as jobs
from nosh.build.floor import Floor
from nosh.build.job import Connect, Ground, Job, Workshop
from nosh.oci.image import Image
from nosh.recipes.recipe import Selected
from nosh.resolve import exact
from nosh.sources import distributions
from nosh.values.errors import InputError
from nosh.values.package import Package
from nosh.values.platform import Platform


@dataclass(frozen=True)
class Base:
    """A finished base image and what it is made of.

    Attributes:
        jobs: what each level was made from, lowest first; `floors`: what became of it.
        created: seconds since 1970: the newest of the inputs, or SOURCE_DATE_EPOCH.
    """

    image: Image
    selected: Selected
    jobs: tuple[Job, ...]
    floors: tuple[Floor, ...]
    created: int

    @property
    def packages(self) -> tuple[Package, ...]:
        """Everything that was put in, in order."""
        return tuple(package for floor in self.floors for package in floor.packages)


def build(selected: Selected, platform: Platform, *, connect: Connect, shop: Workshop) -> Base:
    """Build a base image.

    Raises:
        Error: a package, a file or the store is not what it has to be.
    """
    if platform.architecture not in selected.architectures:
        known = ", ".join(selected.architectures)
        raise InputError(f"cannot build {selected.name} for {platform}: it has {known} only")
    release = distributions.release(selected.release)
    source = connect(release, platform)
    chosen = [exact.pick((*one.packages, *one.partial), source.find, source.names) for one in selected.levels]
    libc = next((one.version for packages in chosen for one in packages if one.name == "libc6"), "")
    planned = jobs.plan(selected, chosen, Ground(source, release, platform, connect, libc), shop.epoch)
    done = _floors(planned, shop)
    created = shop.epoch or max(floor.time for floor in done)
    image = finished.image(selected, platform, done, created, shop.store.open)
    return Base(image, selected, planned, done, created)


def _floors(planned: tuple[Job, ...], shop: Workshop) -> tuple[Floor, ...]:
    keys = floors.keys(planned, shop)
    known = [floors.recall(key, shop.store) for key in keys]
    found = tuple(floor for floor in known if floor)
    if len(found) == len(known):
        return found
    from nosh.build import level  # noqa: PLC0415 - what finds everything in the store does not pay for the tools

    return level.finish(planned, keys, known, shop)
