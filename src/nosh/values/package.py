"""A package that a source offers."""

from dataclasses import dataclass

from nosh.values.digest import Digest


@dataclass(frozen=True, slots=True)
class Package:
    """One version of a package for one architecture.

    Attributes:
        architecture: the distribution's own name of it, or ``all``.
        source: name of the source package it was made from.
        size: bytes of the package file.
        digest: of the package file.
        location: address of the package file below the repository's.
        origin: which suite offered it, as ``debian bookworm-security``.
    """

    name: str
    version: str
    architecture: str
    source: str
    size: int
    digest: Digest
    location: str
    origin: str

    def __str__(self) -> str:
        """Return ``name version``."""
        return f"{self.name} {self.version}"
