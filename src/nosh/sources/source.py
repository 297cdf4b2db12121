"""What every source of packages offers."""

from collections.abc import Iterable
from typing import BinaryIO, Protocol

from nosh.values.package import Package


class Source(Protocol):
    """Packages of one release for one architecture."""

    def find(self, name: str) -> tuple[Package, ...]:
        """Return every version of a package that is offered, in no order."""

    def names(self) -> Iterable[str]:
        """Return the names of all packages."""

    def fetch(self, package: Package) -> None:
        """Bring a package's bytes into the store, checked against size and digest."""

    def open(self, package: Package) -> BinaryIO:
        """Open the package's bytes, checked against size and digest."""

    def providers(self, path_end: str) -> tuple[str, ...]:
        """Return the names of packages with a file whose path ends so."""
