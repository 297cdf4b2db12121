"""What goes into a level, as ingredients: each becomes one piece, found again by its key."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nosh.build.job import Job, Workshop
from nosh.formats import compression, ldcache, tar
from nosh.formats.deb import archive as deb
from nosh.outside.store import Store
from nosh.rootfs import accounts, certificates, identity, unpack
from nosh.rootfs.select import Rules
from nosh.rootfs.unpack import Member, text_file
from nosh.sources import upstream
from nosh.sources.distributions import Release
from nosh.sources.source import Source
from nosh.values import digest as digests
from nosh.values.entry import Entry, Kind
from nosh.values.errors import InputError
from nosh.values.package import Package

if TYPE_CHECKING:
    from nosh.recipes.recipe import Level, Part, Upstream

# What comes from upstream is the runtime itself: larger than any of its packages.
_UPSTREAM_SIZE = 1 << 30

Opened = AbstractContextManager[tuple[Iterator[Member], int]]


@dataclass(frozen=True)
class Ingredient:
    """One thing that goes into a level.

    Attributes:
        owner: who brings it, for messages.
        key: everything that decides its bytes, but for the compressor.
        rules: how a package is cut; part of what decides its bytes.
        fetch: brings what it needs into the store; may take long.
        open: gives its members and the time it was made, with given rules.
        free: whether it may bring paths again that are there.
        size: bytes of its input, as far as they are known.
    """

    owner: str
    key: str
    rules: Rules
    fetch: Callable[[], object]
    open: Callable[[Rules], Opened]
    free: bool = False
    size: int = 0


def ingredients(job: Job, shop: Workshop) -> tuple[Ingredient, ...]:
    """Return what a level is made of, in the order of its layer."""
    level = job.level
    own = {file.path for file in level.files} | {link.path for link in level.links}
    own |= {identity.PLACE} if level.identity else set()
    rules = replace(job.rules, exclude=tuple(sorted(own)))
    found = [_package(job, package, rules) for package in job.packages]
    found += [_part(job, part, source, package) for part, source, package in job.parts]
    found += [_upstream(job, one, shop) for one in level.upstream]
    found.append(_generated(job))
    if level.certificates:
        found.append(_certificates(job))
    return tuple(found)


def _package(job: Job, package: Package, rules: Rules) -> Ingredient:
    only = job.level.partial.get(package.name, ())
    rules = replace(rules, only=tuple(pattern.lstrip("/") for pattern in only))

    @contextmanager
    def open_package(rules: Rules) -> Iterator[tuple[Iterator[Member], int]]:
        with job.ground.source.open(package) as file:
            archive = deb.read(file)
            yield unpack.members(package.name, archive, rules), _no_later(archive.time, rules)

    def fetch() -> None:
        job.ground.source.fetch(package)

    return Ingredient(package.name, package.digest, rules, fetch, open_package, size=package.size)


def _no_later(time: int, rules: Rules) -> int:
    return min(time, rules.epoch) if rules.epoch else time


def _part(job: Job, part: "Part", source: Source, package: Package) -> Ingredient:
    @contextmanager
    def open_part(rules: Rules) -> Iterator[tuple[Iterator[Member], int]]:
        with source.open(package) as file:
            archive = deb.read(file)
            yield _part_members(part, package, archive, rules), _no_later(archive.time, rules)

    rules = replace(job.rules, merged=True)
    key = f"{package.digest} {part!r}"
    return Ingredient(package.name, key, rules, lambda: source.fetch(package), open_part)


def _part_members(part: "Part", package: Package, archive: deb.Archive, rules: Rules) -> Iterator[Member]:
    time = -1
    for entry, body in unpack.one_file(archive, part.file, place=part.path, rules=rules):
        time = entry.mtime
        yield entry, body
    if time < 0:
        raise InputError(f"cannot take /{part.file} of {package}: the package does not have it")
    folder = part.path.rpartition("/")[0]
    for applet in part.applets:
        yield Entry(f"{folder}/{applet}", Kind.SYMLINK, 0o777, mtime=time, target=f"/{part.path}"), ()
    yield text_file(f"{unpack.STATUS}/{package.name}", archive.control["control"], time)


def wanted(job: Job, one: "Upstream") -> upstream.Wanted:
    """Return what is wanted of an upstream release for the job's platform.

    Raises:
        InputError: the recipe pins no digests for it.
    """
    digests_ = one.digests.get(job.ground.platform.architecture) or one.digests.get("all")
    if not digests_:
        known = ", ".join(sorted(one.digests))
        raise InputError(
            f"cannot build {job.level.name} for {job.ground.platform}: it pins {one.name} for {known} only"
        )
    return upstream.Wanted(one.kind, one.name, one.version, digests_)


def provenance(jobs: Iterable[Job], store: Store) -> dict[str, str]:
    """Return the programs that are not the distribution's, and who handed each over."""
    return {
        f"{one.name} {one.version}": upstream.origin(store, wanted(job, one))
        for job in jobs
        for one in job.level.upstream
    }


def _upstream(job: Job, one: "Upstream", shop: Workshop) -> Ingredient:
    release = wanted(job, one)
    time = _no_later(one.date, job.rules)

    @contextmanager
    def open_upstream(_: Rules) -> Iterator[tuple[Iterator[Member], int]]:
        make = _unpacked if one.kind == "npm-package" else _files
        yield make(one, release, shop, time), time

    def fetch() -> None:
        upstream.fetch(
            release, job.ground.platform, web=shop.web, store=shop.store, tools=shop.tools, progress=shop.progress
        )

    key = f"{one!r} {release!r}"
    return Ingredient(f"{one.name} {one.version}", key, job.rules, fetch, open_upstream, size=_UPSTREAM_SIZE)


def _files(one: "Upstream", release: upstream.Wanted, shop: Workshop, time: int) -> Iterator[Member]:
    for member, path in sorted(one.files.items(), key=lambda item: item[1]):
        place = shop.store.path(release.members[member])
        mode = 0o755 if "/bin/" in f"/{member}" else 0o644
        yield Entry(path, Kind.FILE, mode, mtime=time, size=place.stat().st_size), place


def _unpacked(one: "Upstream", release: upstream.Wanted, shop: Workshop, time: int) -> Iterator[Member]:
    (member, root), *_ = one.files.items()
    with shop.store.open(release.members[member]) as file:
        for entry, body in tar.read(compression.decompress(file)):
            path = entry.path.partition("/")[2]
            if path and entry.kind is Kind.FILE:
                mode = 0o755 if entry.mode & 0o100 else 0o644
                yield Entry(f"{root}/{path}", Kind.FILE, mode, mtime=time, size=entry.size), body


def _generated(job: Job) -> Ingredient:
    level, release = job.level, job.ground.release

    @contextmanager
    def open_generated(rules: Rules) -> Iterator[tuple[Iterator[Member], int]]:
        time = _no_later(release.date, rules)
        yield _generated_members(level, release, time), time

    key = f"{level!r} {release.name}"
    return Ingredient(f"recipe {level.name}", key, job.rules, lambda: None, open_generated, free=True)


def _generated_members(level: "Level", release: Release, time: int) -> Iterator[Member]:
    yield from accounts.members(level.users, level.groups, time)
    for directory in level.directories:
        yield (
            Entry(directory.path, Kind.DIRECTORY, directory.mode, directory.uid, directory.gid, time),
            (),
        )
    if level.identity:
        text = identity.os_release(title=release.title, version=release.version, codename=release.codename)
        yield text_file(identity.PLACE, text, time)
    for file in level.files:
        yield text_file(file.path, file.content.encode(), time, mode=file.mode)
    for link in level.links:
        yield Entry(link.path, Kind.SYMLINK, 0o777, mtime=time, target=link.target), ()


def _certificates(job: Job) -> Ingredient:
    package = next(one for one in job.packages if one.name == job.level.certificates)

    @contextmanager
    def open_bundle(rules: Rules) -> Iterator[tuple[Iterator[Member], int]]:
        with job.ground.source.open(package) as file:
            bundle, time = certificates.bundle(deb.read(file))
        time = _no_later(time, rules)
        yield iter([text_file(certificates.PLACE, bundle, time)]), time

    def fetch() -> None:
        job.ground.source.fetch(package)

    return Ingredient("CA bundle", f"bundle {package.digest}", job.rules, fetch, open_bundle, free=True)


def library_cache(job: Job, data: bytes) -> Ingredient:
    """Return the ingredient that is the linker's cache."""

    @contextmanager
    def open_cache(rules: Rules) -> Iterator[tuple[Iterator[Member], int]]:
        time = _no_later(job.ground.release.date, rules)
        yield iter([text_file(ldcache.PATH, data, time)]), time

    return Ingredient("ld.so.cache", f"ld.so.cache {digests.of(data)}", job.rules, lambda: None, open_cache, free=True)
