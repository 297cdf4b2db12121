"""What a build tells while packages are fetched and read: one step, exact in its numbers, and nothing when it is warm."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest
from tests.simulators import deb_maker
from tests.simulators.deb_maker import File

from nosh import build
from nosh.build.job import Workshop
from nosh.formats.compression import compressor
from nosh.outside.http import Settings, Web
from nosh.outside.store import Store
from nosh.recipes import catalogue, load
from nosh.sources.tools import Tools
from nosh.values import digest, platform
from nosh.values.errors import NetworkError
from nosh.values.package import Package

RECIPE = """
name = "x"
releases = ["debian13"]
architectures = ["amd64"]
packages = ["one", "two", "three"]
[[directory]]
path = "/srv"
"""


class Shelf:
    """A source of packages that are made here."""

    def __init__(self, *names: str, broken: str = "") -> None:
        files = {name: deb_maker.make(deb_maker.Package(name, files={f"usr/{name}": File(b"x")})) for name in names}
        self.files: Mapping[str, bytes] = files
        self._broken = broken

    @property
    def size(self) -> int:
        return sum(map(len, self.files.values()))

    def find(self, name: str) -> tuple[Package, ...]:
        data = self.files.get(name)
        return (Package(name, "1", "amd64", name, len(data), digest.of(data), name, "here"),) if data else ()

    def names(self) -> Iterable[str]:
        return self.files

    def fetch(self, package: Package) -> None:
        if package.name == self._broken:
            raise NetworkError("cannot fetch it")

    def open(self, package: Package) -> BinaryIO:
        return BytesIO(self.files[package.name])

    def providers(self, path_end: str) -> tuple[str, ...]:
        raise LookupError(path_end)


@dataclass
class Heard:
    """Writes down what it is told; `advanced` counts."""

    said: list[str] = field(default_factory=list)
    advanced: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, step: str, total: int) -> None:
        self.said.append(f"begin {step} {total}")

    def advance(self, step: str, amount: int) -> None:
        assert step == "packages"
        with self.lock:
            self.advanced += amount

    def end(self, step: str, summary: str) -> None:
        self.said.append(f"end {step}: {summary}")

    def warn(self, message: str) -> None:
        self.said.append(f"warning: {message}")


def make(text: str, shelf: Shelf, folder: Path) -> Heard:
    heard = Heard()
    store = Store(folder)
    shop = Workshop(store, Web(Settings(offline=True)), Tools({}, store), compressor("gzip"), heard)
    recipe = load.read("x.toml", text)
    selected = load.select(recipe, catalogue.find, release="", variant="root")
    build.build(selected, platform.parse("linux/amd64"), connect=lambda *_: shelf, shop=shop)
    return heard


def test_a_cold_build_tells_how_much_there_is_and_that_it_is_there(tmp_path: Path) -> None:
    shelf = Shelf("one", "two", "three")
    heard = make(RECIPE, shelf, tmp_path)
    # Three packages, and what the recipe itself brings.
    megabytes = f"{shelf.size / 1e6:.1f}"
    assert heard.said == ["begin packages 4", f"end packages: 3 packages, {megabytes} MB downloaded or read"]
    assert heard.advanced == 4


def test_a_warm_build_says_nothing(tmp_path: Path) -> None:
    shelf = Shelf("one", "two", "three")
    make(RECIPE, shelf, tmp_path)
    heard = make(RECIPE, shelf, tmp_path)
    assert (heard.said, heard.advanced) == ([], 0)


def test_only_what_is_new_is_counted(tmp_path: Path) -> None:
    shelf = Shelf("one", "two", "three", "four")
    make(RECIPE, shelf, tmp_path)
    heard = make(RECIPE.replace('"three"', '"four"'), shelf, tmp_path)
    # The package, and what the recipe brings: it is another recipe now.
    assert heard.said == ["begin packages 2", "end packages: 1 package, 0.0 MB downloaded or read"]
    assert heard.advanced == 2


def test_without_a_new_package_there_is_no_step(tmp_path: Path) -> None:
    shelf = Shelf("one", "two", "three")
    make(RECIPE, shelf, tmp_path)
    assert make(RECIPE.replace("/srv", "/data"), shelf, tmp_path).said == []


def test_a_step_that_fails_does_not_end(tmp_path: Path) -> None:
    with pytest.raises(NetworkError):
        make(RECIPE, Shelf("one", "two", "three", broken="two"), tmp_path)
