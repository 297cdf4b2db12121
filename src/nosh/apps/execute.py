"""Carrying out a plan: dependencies and app become two layers on the base image."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from nosh.apps import closure_check, npm
from nosh.apps.plan import Plan
from nosh.apps.project import File, Project
from nosh.build import Base
from nosh.build import level as levels
from nosh.build.floor import Counts
from nosh.build.job import Workshop
from nosh.oci import edit
from nosh.oci import piece as pieces
from nosh.oci.config import History
from nosh.oci.image import Image
from nosh.oci.layer import Layer
from nosh.oci.piece import Member, Press
from nosh.rootfs import merge
from nosh.sources import distributions
from nosh.sources.source import Source
from nosh.values.entry import Entry, Kind

BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"


@dataclass(frozen=True)
class App:
    """A finished app image."""

    image: Image
    base: Base
    plan: Plan
    layers: tuple[tuple[str, Layer], ...]
    counts: Counts


def execute(plan: Plan, project: Project, base: Base, source: Source, shop: Workshop) -> App:
    """Make the app's image on its base.

    Raises:
        InputError: the app needs something that the image does not have.
        ProcessError: installing the dependencies failed.
    """
    platform = base.image.config.platform
    date = distributions.release(base.selected.release).date
    time = min(date, shop.epoch) if shop.epoch else date
    with ThreadPoolExecutor(shop.cores, "compress") as compressors:
        press = Press(shop.store, shop.compressor, compressors)
        parts = []
        if plan.install:
            parts.append(("dependencies", npm.dependencies(npm.Site(plan, project, platform, time), press, shop)))
        parts.append(("app", pieces.make(press, _members(plan, project, time), time=time)))
        tree = levels.tree(base.jobs, base.floors, shop)
        layers = []
        for name, piece in parts:
            merged = merge.lay(tree, [(name, piece)])
            tree = merged.tree
            layers.append((name, pieces.assemble(press, merged.directories, [piece])))
        closure_check.check([piece for _, piece in parts], tree, platform, source)
    return App(_image(plan, base, layers), base, plan, tuple(layers), levels.count(tree))


def _image(plan: Plan, base: Base, layers: Iterable[tuple[str, Layer]]) -> Image:
    image = base.image
    for name, layer in layers:
        image = edit.append(image, layer, History(f"nosh build: {name}", image.config.created))
    config = image.config
    env = {**dict(config.env), **plan.env}
    # The base's labels describe the base; the app has its own.
    config = replace(
        config,
        user=plan.user or config.user,
        env=tuple(env.items()),
        cmd=plan.cmd,
        workdir=plan.root,
        ports=tuple(f"{port}/tcp" for port in plan.ports),
        labels={},
    )
    own = {
        **plan.labels,
        "org.opencontainers.image.created": config.created,
        BASE_NAME: f"{base.selected.name}-{base.selected.release}:{base.selected.variant}",
        BASE_DIGEST: base.image.digest,
    }
    bare = edit.compose(config, image.layers, {}, image.open)
    return edit.annotate(bare, own)


def _members(plan: Plan, project: Project, time: int) -> Iterator[Member]:
    root = plan.root.strip("/")
    yield Entry(root, Kind.DIRECTORY, 0o755, mtime=time), ()
    for file in plan.files:
        yield from _app_file(file, project, f"{root}/{file.path}", time)


def _app_file(file: File, project: Project, place: str, time: int) -> Iterator[Member]:
    if file.target:
        yield Entry(place, Kind.SYMLINK, 0o777, mtime=time, target=file.target), ()
    else:
        mode = 0o755 if file.executable else 0o644
        yield Entry(place, Kind.FILE, mode, mtime=time, size=file.size), project.path(file.path)
