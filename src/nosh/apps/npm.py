"""Installing an npm project's dependencies for the image's platform, in a folder of their own."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nosh.apps.plan import NpmInstall, Plan
from nosh.apps.project import Project
from nosh.build.floor import LAYOUT
from nosh.build.job import Workshop
from nosh.oci import piece as pieces
from nosh.oci.piece import Member, Press
from nosh.outside import process
from nosh.sources import toolchain
from nosh.values import digest
from nosh.values.entry import Entry, Kind
from nosh.values.errors import Error, InputError
from nosh.values.piece import Piece
from nosh.values.platform import Platform

# npm's note to itself in node_modules: it names registries, so it would differ from machine to machine.
_HIDDEN_LOCK = ".package-lock.json"
_TIMEOUT = 1800


@dataclass(frozen=True, slots=True)
class Site:
    """What decides the bytes of an installation, besides the lock; `time` is that of every file."""

    plan: Plan
    project: Project
    platform: Platform
    time: int


def dependencies(site: Site, press: Press, shop: Workshop) -> Piece:
    """Return the dependencies as a piece; the same lock gives the same one without npm.

    Raises:
        InputError: the project has no dependencies to install, or a link among them leads outside.
        ProcessError: npm failed.
    """
    install = site.plan.install
    if install is None:
        raise InputError(f"cannot install the dependencies of {site.project.folder}: it has none")
    names = _inputs(install, site.plan)
    inputs = [digest.of(site.project.path(name).read_bytes()) for name in names if site.project.has(name)]
    key = f"npm {LAYOUT} {inputs} {site.platform} {site.plan.root} {site.time} {press.compressor.version}"
    known = pieces.recall(key, shop.store)
    if known:
        return known
    step = f"npm ci ({install.packages} packages)"
    shop.progress.begin(step, 0)
    with shop.store.workspace() as folder:
        _install(site, install, names, shop, folder)
        piece = pieces.make(press, _members(folder, site), time=site.time)
    pieces.remember(key, piece, shop.store)
    shop.progress.end(step, f"{len(piece.nodes)} files")
    return piece


def _inputs(install: NpmInstall, plan: Plan) -> tuple[str, ...]:
    names = {"package.json", install.lock, ".npmrc"}
    if install.everything:
        names |= {file.path for file in plan.files if not file.target}
    return tuple(sorted(names))


def _install(site: Site, install: NpmInstall, names: tuple[str, ...], shop: Workshop, folder: Path) -> None:
    for name in names:
        if site.project.has(name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(site.project.path(name), folder / name)
    npm = toolchain.npm(shop.tools)
    platform = site.platform
    argv = (
        *npm.argv, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund",
        f"--os={platform.os}", f"--cpu={platform.node}", "--libc=glibc",
    )  # fmt: skip
    try:
        process.run(argv, cwd=folder, env=npm.environment, timeout=_TIMEOUT)
    except Error as error:
        raise type(error)(
            f"cannot install the dependencies of {site.project.folder}: {error.message}",
            hint=f"try `npm ci --omit=dev --ignore-scripts` in the folder; {install.lock} has to fit package.json",
        ) from error
    (folder / "node_modules").mkdir(exist_ok=True)
    (folder / "node_modules" / _HIDDEN_LOCK).unlink(missing_ok=True)


def _members(folder: Path, site: Site) -> Iterator[Member]:
    root = site.plan.root.strip("/")
    real = folder.resolve()
    for path in sorted((folder / "node_modules").rglob("*")):
        place = f"{root}/{path.relative_to(folder)}"
        if path.is_symlink():
            target = path.readlink()
            if not (path.parent / target).resolve().is_relative_to(real):
                raise InputError(f"cannot put link {place} into an image: it leads outside, to {target}")
            yield Entry(place, Kind.SYMLINK, 0o777, mtime=site.time, target=str(target)), ()
        elif path.is_dir():
            yield Entry(place, Kind.DIRECTORY, 0o755, mtime=site.time), ()
        else:
            status = path.stat()
            mode = 0o755 if status.st_mode & 0o100 else 0o644
            yield Entry(place, Kind.FILE, mode, mtime=site.time, size=status.st_size), path
