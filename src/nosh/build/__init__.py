"""THE PIPELINE: from a recipe to an image, one line a stage. Read this first."""

from dataclasses import dataclass
from datetime import UTC, datetime

from nosh.build import floor as floors
from nosh.build import job as jobs
from nosh.build.floor import Floor
from nosh.build.job import Connect, Ground, Job, Workshop
from nosh.oci import edit
from nosh.oci.config import Config, History
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
    finished = _finish(planned, shop)
    created = shop.epoch or max(floor.time for floor in finished)
    image = _image(selected, platform, finished, created, shop)
    return Base(image, selected, planned, finished, created)


def _finish(planned: tuple[Job, ...], shop: Workshop) -> tuple[Floor, ...]:
    keys = floors.keys(planned, shop)
    known = [floors.recall(key, shop.store) for key in keys]
    found = tuple(floor for floor in known if floor)
    if len(found) == len(known):
        return found
    from nosh.build import level  # noqa: PLC0415 - what finds everything in the store does not pay for the tools

    return level.finish(planned, keys, known, shop)


def _image(selected: Selected, platform: Platform, finished: tuple[Floor, ...], created: int, shop: Workshop) -> Image:
    settings = selected.settings
    time = rfc3339(created)
    config = Config(
        platform=platform,
        created=time,
        user=settings.user or "",
        env=tuple(settings.env.items()),
        entrypoint=settings.entrypoint or (),
        cmd=settings.cmd or (),
        workdir=settings.workdir or "",
        stop_signal=settings.stop_signal or "",
        labels=settings.labels,
        diff_ids=tuple(floor.layer.diff_id for floor in finished),
        history=tuple(History(f"nosh build: {floor.name}", rfc3339(floor.time)) for floor in finished),
    )
    layers = tuple(floor.layer.descriptor for floor in finished)
    about = {
        "org.opencontainers.image.title": f"{selected.name}-{selected.release}",
        "org.opencontainers.image.created": time,
    }
    if selected.summary:
        about["org.opencontainers.image.description"] = selected.summary
    return edit.annotate(edit.compose(config, layers, {}, shop.store.open), about)


def rfc3339(time: int) -> str:
    """Return seconds since 1970 as an RFC 3339 time."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
