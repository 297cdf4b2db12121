"""Making levels: packages become pieces, pieces are laid one over another, each level becomes one layer."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from posixpath import basename, dirname
from typing import TypeVar

from nosh.build import content
from nosh.build import floor as floors
from nosh.build.content import Ingredient
from nosh.build.floor import LAYOUT, Counts, Floor
from nosh.build.job import Job, Workshop
from nosh.oci import piece as pieces
from nosh.oci.layer import Layer
from nosh.oci.piece import Press
from nosh.outside.store import Store
from nosh.rootfs import libraries, merge
from nosh.rootfs.merge import Merged, Tree
from nosh.values.entry import Kind
from nosh.values.errors import FormatError
from nosh.values.piece import Node, Piece

T = TypeVar("T")

_DOWNLOADS = 6
_STEP = "packages"
_SHELLS = frozenset({"sh", "ash", "bash", "dash", "ksh", "mksh", "zsh", "fish", "busybox", "toybox", "pwsh"})


def finish(
    jobs: Sequence[Job], keys: Sequence[str], known: Sequence[Floor | None], shop: Workshop
) -> tuple[Floor, ...]:
    """Make the layers that are not there yet; `known` has those that are."""
    return _work(jobs, keys, known, shop)[0]


def tree(jobs: Sequence[Job], done: Sequence[Floor], shop: Workshop) -> Tree:
    """Return what finished levels have by path; what the store has lost of it is made again."""
    known = _tree_of(done, shop.store)
    if known is not None:
        return known
    return _work(jobs, ["" for _ in jobs], done, shop)[1]


def _work(
    jobs: Sequence[Job], keys: Sequence[str], known: Sequence[Floor | None], shop: Workshop
) -> tuple[tuple[Floor, ...], Tree]:
    with (
        ThreadPoolExecutor(_DOWNLOADS, "fetch") as fetchers,
        ThreadPoolExecutor(shop.cores, "piece") as workers,
        ThreadPoolExecutor(shop.cores, "compress") as compressors,
        # One for each level: the longest, often the last, does not wait until the others are put together.
        ThreadPoolExecutor(len(jobs), "assemble") as assemblers,
    ):
        crew = _Crew(shop, Press(shop.store, shop.compressor, compressors), fetchers, workers)
        files: Tree = {}
        futures: list[Future[Floor]] = []
        try:
            started, news = crew.start(jobs)
            for job, key, parts, floor in zip(jobs, keys, started, known, strict=True):
                files, laid = crew.lay(job, parts, files)
                futures.append(assemblers.submit(crew.floor, job, key, laid, floor, files))
            if news:
                shop.progress.end(_STEP, news)
            return tuple(future.result() for future in futures), files
        except BaseException:
            for pool in (fetchers, workers, assemblers):
                pool.shutdown(wait=False, cancel_futures=True)
            raise


@dataclass(frozen=True, slots=True)
class _Part:
    """An ingredient that is fetched, and then becomes a piece."""

    ingredient: Ingredient
    key: str
    fetched: Future[Future[Piece]]

    @property
    def piece(self) -> Piece:
        """The piece, once it is made."""
        return self.fetched.result().result()


@dataclass(frozen=True, slots=True)
class _Laid:
    below: Tree
    merged: Merged
    parts: tuple[tuple[Ingredient, str, Piece], ...]


@dataclass(frozen=True, slots=True)
class _Crew:
    """The threads that work on one build."""

    shop: Workshop
    press: Press
    fetchers: ThreadPoolExecutor
    workers: ThreadPoolExecutor

    def start(self, jobs: Sequence[Job]) -> tuple[list[list[_Part]], str]:
        """Start making the pieces of all levels that the store does not have, the largest first.

        Also returns what is to be said once they are there: nothing if no package is among them.
        """
        levels = [content.ingredients(job, self.shop) for job in jobs]
        ordered = sorted((one for level in levels for one in level), key=lambda one: -one.size)
        found = [(one, *self._recall(one)) for one in ordered]
        missing = [one.owner for one, _, piece in found if piece is None]
        news = _news(jobs, missing)
        if news:
            self.shop.progress.begin(_STEP, len(missing))
        parts = {one: self._part(one, key, piece) for one, key, piece in found}
        return [[parts[one] for one in level] for level in levels], news

    def _start(self, ingredient: Ingredient) -> _Part:
        return self._part(ingredient, *self._recall(ingredient))

    def _recall(self, ingredient: Ingredient) -> tuple[str, Piece | None]:
        key = f"{LAYOUT} {ingredient.key} {ingredient.rules!r} {self.shop.compressor.version}"
        return key, pieces.recall(key, self.shop.store)

    def _part(self, ingredient: Ingredient, key: str, known: Piece | None) -> _Part:
        if known:
            return _Part(ingredient, key, _done(_done(known)))
        return _Part(ingredient, key, self.fetchers.submit(self._fetch, ingredient, key))

    def _fetch(self, ingredient: Ingredient, key: str) -> Future[Piece]:
        ingredient.fetch()
        return self.workers.submit(self._make, ingredient, key)

    def _make(self, ingredient: Ingredient, key: str) -> Piece:
        try:
            with ingredient.open(ingredient.rules) as (members, time):
                piece = pieces.make(self.press, members, time=time)
            _check(piece)
        except FormatError as error:
            raise FormatError(f"cannot unpack {ingredient.owner}: {error.message}", hint=error.hint) from error
        pieces.remember(key, piece, self.shop.store)
        self.shop.progress.advance(_STEP, 1)
        return piece

    def lay(self, job: Job, parts: Sequence[_Part], below: Tree) -> tuple[Tree, _Laid]:
        """Lay the pieces of a level over what is below it, and add what is made of them all."""
        done = [(part.ingredient, part.key, part.piece) for part in parts]
        merged = _lay(done, below)
        if merged.duplicates:
            done = [self._without(entry, merged) for entry in done]
            merged = _lay(done, below)
        cache = libraries.cache(merged.tree, job.ground.platform, job.ground.libc)
        if cache and cache != libraries.cache(below, job.ground.platform, job.ground.libc):
            part = self._start(content.library_cache(job, cache))
            done.append((part.ingredient, part.key, part.piece))
            merged = _lay(done, below)
        return merged.tree, _Laid(below, merged, tuple(done))

    def _without(self, entry: tuple[Ingredient, str, Piece], merged: Merged) -> tuple[Ingredient, str, Piece]:
        ingredient = entry[0]
        again = merged.duplicates.get(ingredient.owner)
        if not again:
            return entry
        rules = replace(ingredient.rules, exclude=tuple(sorted({*ingredient.rules.exclude, *again})))
        part = self._start(replace(ingredient, rules=rules))
        return part.ingredient, part.key, part.piece

    def floor(self, job: Job, key: str, laid: _Laid, known: Floor | None, files: Tree) -> Floor:
        """Put a level's pieces together as its layers."""
        if known:
            return known
        floor = Floor(
            name=job.level.name,
            layers=tuple(self._layers(job, laid)),
            time=max(piece.time for _, _, piece in laid.parts),
            counts=count(files),
            packages=job.everything,
            pieces=tuple((ingredient.owner, piece_key) for ingredient, piece_key, _ in laid.parts),
        )
        floors.remember(key, floor, self.shop.store)
        return floor

    def _layers(self, job: Job, laid: _Laid) -> Iterator[tuple[str, Layer]]:
        if self.shop.layers == "level":
            parts = [piece for _, _, piece in laid.parts]
            yield job.level.name, pieces.assemble(self.press, laid.merged.directories, parts)
            return
        tree = laid.below
        for part in laid.parts:
            merged = _lay([part], tree)
            tree = merged.tree
            if merged.directories or part[2].nodes:
                name = f"{job.level.name}: {part[0].owner}"
                yield name, pieces.assemble(self.press, merged.directories, [part[2]])


def _news(jobs: Sequence[Job], made: Sequence[str]) -> str:
    sizes = {package.name: package.size for job in jobs for package in job.everything if package.name in made}
    count = "1 package" if len(sizes) == 1 else f"{len(sizes)} packages"
    return f"{count}, {sum(sizes.values()) / 1e6:.1f} MB downloaded or read" if sizes else ""


def _check(piece: Piece) -> None:
    """Refuse an archive that says two things of one path, or names what it does not have."""
    files: set[str] = set()
    for entry in (node.entry for node in piece.nodes):
        if entry.path in files:
            raise FormatError(f"/{entry.path} is in it twice")
        if entry.kind is Kind.HARDLINK and entry.target not in files:
            raise FormatError(f"/{entry.path} is another name of /{entry.target}, which is not in it")
        files.add(entry.path)
    folders = {""}
    for entry in (*(node.entry for node in piece.nodes), *piece.directories):
        path = entry.path if entry.kind is Kind.DIRECTORY else dirname(entry.path)
        while path not in folders:
            if path in files:
                raise FormatError(f"/{entry.path} cannot be where /{path} is no folder")
            folders.add(path)
            path = dirname(path)


def _done(result: T) -> Future[T]:
    future: Future[T] = Future()
    future.set_result(result)
    return future


def _lay(done: Sequence[tuple[Ingredient, str, Piece]], below: Tree) -> Merged:
    free = [ingredient.owner for ingredient, _, _ in done if ingredient.free]
    return merge.lay(below, [(ingredient.owner, piece) for ingredient, _, piece in done], replaces=free)


def count(files: Tree) -> Counts:
    """Count what a root file system has."""
    entries = [place.node.entry for place in files.values()]
    regular = [entry for entry in entries if entry.kind is Kind.FILE]
    executables = sum(1 for entry in regular if entry.mode & 0o111)
    shells = tuple(sorted(f"/{path}" for path, place in files.items() if _is_shell(place.node)))
    return Counts(len(regular), executables, sum(entry.size for entry in regular), shells)


def _is_shell(node: Node) -> bool:
    return node.binary is not None and bool(node.entry.mode & 0o111) and basename(node.entry.path) in _SHELLS


def _tree_of(done: Sequence[Floor], store: Store) -> Tree | None:
    files: Tree = {}
    for floor in done:
        known = [(owner, pieces.recall(key, store)) for owner, key in floor.pieces]
        there = [(owner, piece) for owner, piece in known if piece]
        if len(there) < len(known):
            return None
        files = merge.lay(files, there, replaces=[owner for owner, _ in there]).tree
    return files
