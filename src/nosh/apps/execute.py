"""Carrying out a plan: dependencies and app become two layers on the base image."""

import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from nosh.apps import closure_check
from nosh.apps.plan import NpmInstall, Plan
from nosh.apps.project import File, Project
from nosh.build import Base
from nosh.build import level as levels
from nosh.build.level import Counts, Workshop
from nosh.oci import edit
from nosh.oci import piece as pieces
from nosh.oci.config import History
from nosh.oci.image import Image
from nosh.oci.piece import Layer, Member, Press
from nosh.outside import process
from nosh.rootfs import merge

from nosh.sources import distributions
from nosh.sources.source import Source
from nosh.values import digest
from nosh.values.entry import Entry, Kind
from nosh.values.errors import Error, InputError
from nosh.values.piece import Piece, pack, unpack
from nosh.values.platform import Platform

BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
_HIDDEN_LOCK = ".package-lock.json"


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
    time = distributions.release(base.selected.release).date
    time = min(time, shop.epoch) if shop.epoch else time
    with ThreadPoolExecutor(shop.cores, "compress") as compressors:
        press = Press(shop.store, shop.compressor, compressors)
        parts = []
        if plan.install:
            parts.append(("dependencies", _dependencies(plan, plan.install, project, platform, press, shop, time)))
        parts.append(("app", _app(plan, project, press, time)))
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


def _dependencies(
    plan: Plan, install: NpmInstall, project: Project, platform: Platform, press: Press, shop: Workshop, time: int
) -> Piece:
    inputs = [digest.of(project.path(name).read_bytes()) for name in ("package.json", install.lock)]
    if install.everything:
        inputs += [digest.of_text(repr(plan.files))]
    key = f"npm {levels.LAYOUT} {inputs} {platform} {plan.root} {time} {press.compressor.version}"
    known = shop.store.recall("piece", key)
    piece = unpack(known) if known else None
    if piece and shop.store.has(piece.digest, piece.size):
        return piece
    step = f"npm ci ({install.packages} packages)"
    shop.progress.begin(step, 0)
    with shop.store.workspace() as folder:
        _install(install, plan, project, platform, shop, folder)
        members = _tree_members(folder, f"{plan.root.strip('/')}/", "node_modules", time)
        piece = pieces.make(press, members, time=time)
    shop.store.remember("piece", key, pack(piece))
    shop.progress.end(step, f"{len(piece.nodes)} files")
    return piece


def _install(
    install: NpmInstall, plan: Plan, project: Project, platform: Platform, shop: Workshop, folder: Path
) -> None:
    names = {"package.json", install.lock, ".npmrc"}
    if install.everything:
        names |= {file.path for file in plan.files if not file.target}
    for name in sorted(names):
        if project.has(name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(project.path(name), folder / name)
    npm = shop.tools.npm()
    argv = (
        *npm.argv, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund",
        f"--os={platform.os}", f"--cpu={platform.node}", "--libc=glibc",
    )  # fmt: skip
    try:
        process.run(argv, cwd=folder, env=npm.environment, timeout=1800)
    except Error as error:
        raise type(error)(
            f"cannot install the dependencies of {project.folder}: {error.message}",
            hint=f"try the same in the folder: npm ci --omit=dev --ignore-scripts ({install.lock} has to fit package.json)",
        ) from error
    (folder / "node_modules").mkdir(exist_ok=True)
    (folder / "node_modules" / _HIDDEN_LOCK).unlink(missing_ok=True)


def _tree_members(folder: Path, prefix: str, name: str, time: int) -> Iterator[Member]:
    for path in sorted((folder / name).rglob("*")):
        place = prefix + str(path.relative_to(folder))
        if path.is_symlink():
            target = path.readlink()
            if not (path.parent / target).resolve().is_relative_to(folder.resolve()):
                raise InputError(f"cannot put link {place} into an image: it leads outside, to {target}")
            yield Entry(place, Kind.SYMLINK, 0o777, mtime=time, target=str(target)), ()
        elif path.is_dir():
            yield Entry(place, Kind.DIRECTORY, 0o755, mtime=time), ()
        else:
            status = path.stat()
            mode = 0o755 if status.st_mode & 0o100 else 0o644
            yield Entry(place, Kind.FILE, mode, mtime=time, size=status.st_size), path


def _app(plan: Plan, project: Project, press: Press, time: int) -> Piece:
    return pieces.make(press, _app_members(plan, project, time), time=time)


def _app_members(plan: Plan, project: Project, time: int) -> Iterator[Member]:
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


