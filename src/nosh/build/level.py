"""One level of a recipe becomes one layer; what was made once is found again by what went in."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from posixpath import basename
from typing import cast

from nosh.build import content
from nosh.build.content import Ground, Ingredient, Job
from nosh.formats.compression import Compressor
from nosh.oci import piece as pieces
from nosh.oci.piece import Layer, Press
from nosh.outside.http import Web
from nosh.outside.store import Record, Store
from nosh.recipes.recipe import Selected
from nosh.rootfs import libraries, merge
from nosh.rootfs.merge import Merged, Tree
from nosh.rootfs.select import Rules
from nosh.sources.toolchain import Tools
from nosh.values import digest
from nosh.values.entry import Kind
from nosh.values.errors import FormatError
from nosh.values.package import Package
from nosh.values.piece import Node, Piece, pack, unpack
from nosh.values.progress import SILENT, Progress

# Raised whenever the same inputs would give other bytes than before, so that no old result is found.
LAYOUT = 1
_DOWNLOADS = 6
_SHELLS = frozenset({"sh", "ash", "bash", "dash", "ksh", "mksh", "zsh", "fish", "busybox", "toybox", "pwsh"})


@dataclass(frozen=True)
class Workshop:
    """What building needs besides the recipe.

    Attributes:
        epoch: no time later than this goes into an image (SOURCE_DATE_EPOCH); 0 for no limit.
        cores: how many threads work at a time.
    """

    store: Store
    web: Web
    tools: Tools
    compressor: Compressor
    progress: Progress = SILENT
    epoch: int = 0
    cores: int = 2


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
        time: of its newest input, seconds since 1970.
        counts: of this level and all below it.
        pieces: owner and key of the record of each piece.
    """

    name: str
    layer: Layer
    time: int
    counts: Counts
    packages: tuple[Package, ...]
    pieces: tuple[tuple[str, str], ...]


def plan(selected: Selected, chosen: Sequence[tuple[Package, ...]], ground: Ground, epoch: int) -> tuple[Job, ...]:
    """Return the jobs of a selected recipe, lowest first; what a level cuts, those above it cut as well."""
    rules = Rules(merged=ground.release.merged, epoch=epoch)
    jobs = []
    for level, packages in zip(selected.levels, chosen, strict=True):
        rules = replace(rules, cut=rules.cut + level.cut, keep=rules.keep + level.keep)
        jobs.append(content.job(level, packages, rules, ground))
    return tuple(jobs)


def finish(jobs: Sequence[Job], shop: Workshop) -> tuple[Floor, ...]:
    """Make the layer of every job, or find it in the store."""
    keys: list[str] = []
    for job in jobs:
        keys.append(_key(job, keys[-1] if keys else "", shop))
    floors = [_recall(key, shop.store) for key in keys]
    if all(floors):
        return tuple(floor for floor in floors if floor)
    return _work(jobs, keys, floors, shop)[0]


def tree(jobs: Sequence[Job], floors: Sequence[Floor], shop: Workshop) -> Tree:
    """Return what finished levels have by path; what the store has lost of it is made again."""
    known = _tree_of(floors, shop.store)
    if known is not None:
        return known
    return _work(jobs, ["" for _ in jobs], floors, shop)[1]


def _work(
    jobs: Sequence[Job], keys: Sequence[str], floors: Sequence[Floor | None], shop: Workshop
) -> tuple[tuple[Floor, ...], Tree]:
    with (
        ThreadPoolExecutor(_DOWNLOADS, "fetch") as fetchers,
        ThreadPoolExecutor(shop.cores, "piece") as workers,
        ThreadPoolExecutor(shop.cores, "compress") as compressors,
    ):
        crew = _Crew(shop, Press(shop.store, shop.compressor, compressors), fetchers, workers)
        started = [crew.start(content.ingredients(job, shop)) for job in jobs]
        files: Tree = {}
        futures: list[Future[Floor]] = []
        try:
            for job, key, parts, floor in zip(jobs, keys, started, floors, strict=True):
                files, laid = crew.lay(job, parts, files)
                futures.append(workers.submit(crew.floor, job, key, laid, floor, files))
            return tuple(future.result() for future in futures), files
        except BaseException:
            for pool in (fetchers, workers):
                pool.shutdown(wait=False, cancel_futures=True)
            raise


def _key(job: Job, below: str, shop: Workshop) -> str:
    packages = [package.digest for package in job.everything]
    parts = (LAYOUT, below, job.level, job.ground.release.name, str(job.ground.platform), job.rules, packages)
    return digest.of_text(repr((*parts, shop.compressor.version)))


@dataclass(frozen=True, slots=True)
class _Part:
    """An ingredient that has become, or is becoming, a piece."""

    ingredient: Ingredient
    key: str
    piece: Future[Piece]


@dataclass(frozen=True, slots=True)
class _Laid:
    merged: Merged
    parts: tuple[tuple[Ingredient, str, Piece], ...]


@dataclass(frozen=True, slots=True)
class _Crew:
    """The threads that work on one build."""

    shop: Workshop
    press: Press
    fetchers: ThreadPoolExecutor
    workers: ThreadPoolExecutor

    def start(self, ingredients: Sequence[Ingredient]) -> list[_Part]:
        """Start making the pieces that the store does not have."""
        return [self._start(ingredient) for ingredient in ingredients]

    def _start(self, ingredient: Ingredient) -> _Part:
        key = f"{LAYOUT} {ingredient.key} {ingredient.rules!r} {self.shop.compressor.version}"
        known = _recall_piece(key, self.shop.store)
        future: Future[Piece]
        if known:
            future = Future()
            future.set_result(known)
        else:
            fetched = self.fetchers.submit(ingredient.fetch)
            future = self.workers.submit(self._make, ingredient, key, fetched)
        return _Part(ingredient, key, future)

    def _make(self, ingredient: Ingredient, key: str, fetched: "Future[object]") -> Piece:
        fetched.result()
        try:
            with ingredient.open(ingredient.rules) as (members, time):
                piece = pieces.make(self.press, members, time=time)
        except FormatError as error:
            raise FormatError(f"cannot unpack {ingredient.owner}: {error.message}", hint=error.hint) from error
        self.shop.store.remember("piece", key, pack(piece))
        self.shop.progress.advance("packages", 1)
        return piece

    def lay(self, job: Job, parts: Sequence[_Part], below: Tree) -> tuple[Tree, _Laid]:
        """Lay the pieces of a level over what is below it, and add what is made of them all."""
        done = [(part.ingredient, part.key, part.piece.result()) for part in parts]
        merged = _lay(done, below)
        if merged.duplicates:
            done = [self._without(entry, merged) for entry in done]
            merged = _lay(done, below)
        cache = libraries.cache(merged.tree, job.ground.platform, job.ground.libc)
        if cache and cache != libraries.cache(below, job.ground.platform, job.ground.libc):
            part = self._start(content.library_cache(job, cache))
            done.append((part.ingredient, part.key, part.piece.result()))
            merged = _lay(done, below)
        return merged.tree, _Laid(merged, tuple(done))

    def _without(self, entry: tuple[Ingredient, str, Piece], merged: Merged) -> tuple[Ingredient, str, Piece]:
        ingredient = entry[0]
        again = merged.duplicates.get(ingredient.owner)
        if not again:
            return entry
        rules = replace(ingredient.rules, exclude=tuple(sorted({*ingredient.rules.exclude, *again})))
        part = self._start(replace(ingredient, rules=rules))
        return part.ingredient, part.key, part.piece.result()

    def floor(self, job: Job, key: str, laid: _Laid, known: Floor | None, files: Tree) -> Floor:
        """Put a level's pieces together as its layer."""
        if known:
            return known
        layer = pieces.assemble(self.press, laid.merged.directories, [piece for _, _, piece in laid.parts])
        floor = Floor(
            name=job.level.name,
            layer=layer,
            time=max(piece.time for _, _, piece in laid.parts),
            counts=count(files),
            packages=job.everything,
            pieces=tuple((ingredient.owner, piece_key) for ingredient, piece_key, _ in laid.parts),
        )
        self.shop.store.remember("floor", key, asdict(floor))
        return floor


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


def _recall_piece(key: str, store: Store) -> Piece | None:
    record = store.recall("piece", key)
    try:
        piece = unpack(record) if record else None
    except FormatError:
        return None
    return piece if piece and store.has(piece.digest, piece.size) else None


def _recall(key: str, store: Store) -> Floor | None:
    record = store.recall("floor", key)
    if record is None:
        return None
    try:
        floor = _read(record)
    except (KeyError, TypeError):
        return None
    return floor if store.has(floor.layer.digest, floor.layer.size) else None


def _read(record: Record) -> Floor:
    layer = cast("Mapping[str, str]", record["layer"])
    counts = cast("Mapping[str, int]", record["counts"])
    shells = cast("list[str]", counts["shells"])
    packages = cast("list[Mapping[str, str]]", record["packages"])
    parts = cast("list[tuple[str, str]]", record["pieces"])
    return Floor(
        name=str(record["name"]),
        layer=Layer(**layer),  # type: ignore[arg-type] # what asdict wrote
        time=cast("int", record["time"]),
        counts=Counts(counts["files"], counts["executables"], counts["size"], tuple(shells)),
        packages=tuple(Package(**package) for package in packages),  # type: ignore[arg-type] # what asdict wrote
        pieces=tuple((owner, key) for owner, key in parts),
    )


def _tree_of(floors: Sequence[Floor], store: Store) -> Tree | None:
    files: Tree = {}
    for floor in floors:
        known = [(owner, _recall_piece(key, store)) for owner, key in floor.pieces]
        there = [(owner, piece) for owner, piece in known if piece]
        if len(there) < len(known):
            return None
        files = merge.lay(files, there, replaces=[owner for owner, _ in there]).tree
    return files
