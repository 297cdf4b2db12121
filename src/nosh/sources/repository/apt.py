"""A Debian repository: from the signature over its suites to the bytes of its packages.

Trust runs in one chain: a pinned key signs InRelease, InRelease vouches for the package lists, a list vouches for each
package. Nothing is used before its link of the chain has been checked.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from nosh.outside import clock
from nosh.outside.store import Store
from nosh.sources.distributions import Release, Suite
from nosh.sources.mirrors import Mirror
from nosh.sources.repository.table import Table
from nosh.values import digest as digests
from nosh.values.errors import Error, NetworkError, VerificationError
from nosh.values.package import Package
from nosh.values.platform import Platform
from nosh.values.progress import SILENT, Progress

if TYPE_CHECKING:
    from nosh.formats.deb.index import Listed
    from nosh.outside.http import Web

# As apt's own timers do: a list that was looked at within the hour is today's list.
FRESH = 3600


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a repository, and how much to believe it.

    Attributes:
        keyring: key ring to use in place of the one shipped for the release, or nothing.
        insecure: take a repository without a valid signature.
        refresh: ask the mirror again even if its lists are fresh.
    """

    web: "Web"
    store: Store
    keyring: bytes = b""
    insecure: bool = False
    refresh: bool = False
    progress: Progress = SILENT


@dataclass(frozen=True)
class Repository:
    """One release for one architecture on one mirror (a `Source`)."""

    release: Release
    platform: Platform
    mirror: Mirror
    access: Access
    _tables: list[tuple[Suite, Table]] = field(default_factory=list)

    def find(self, name: str) -> tuple[Package, ...]:
        """Return every version of a package that the suites offer."""
        return tuple(self._package(suite, item) for suite, rows in self._tables for item in rows.find(name))

    def _package(self, suite: Suite, item: "Listed") -> Package:
        return Package(
            item.name,
            item.version,
            item.architecture,
            item.source,
            item.size,
            digests.from_hex(item.sha256),
            f"{self.mirror.archive(suite.archive)}/{item.filename}",
            f"{self.release.origins[0].lower()} {suite.name}",
        )

    def names(self) -> Iterable[str]:
        """Return the names of all packages."""
        return set().union(*(rows.names() for _, rows in self._tables))

    def fetch(self, package: Package) -> None:
        """Bring a package's bytes into the store, checked against size and digest."""
        if self.access.store.has(package.digest):
            return
        from nosh.sources.repository import suites  # noqa: PLC0415 - only what is missing needs the network

        with self.access.store.lock(package.digest):
            if self.access.store.has(package.digest):
                return
            suites.download(self.access, package)

    def open(self, package: Package) -> BinaryIO:
        """Open the package's bytes; `fetch` brought them.

        Raises:
            StoreError: they are not there.
        """
        return self.access.store.open(package.digest)

    def providers(self, path_end: str) -> tuple[str, ...]:
        """Return packages that have a file whose path ends so, from the archive's list of contents.

        Raises:
            NetworkError: the list cannot be had.
            FormatError: it is damaged.
        """
        from nosh.sources.repository import suites  # noqa: PLC0415 - only asked after a failure

        suite = self.release.suites[0]
        return suites.providers(
            self.access, self.mirror.archive(suite.archive), suite=suite, platform=self.platform, path_end=path_end
        )


def connect(release: Release, platform: Platform, mirrors: Iterable[Mirror], access: Access) -> Repository:
    """Open the first of the mirrors that is what it says.

    Raises:
        NetworkError: none could be reached.
        VerificationError: the first that could be reached does not verify.
    """
    failures: list[Error] = []
    for mirror in mirrors:
        repository = Repository(release, platform, mirror, access)
        try:
            repository._tables.extend(_load(repository))  # noqa: SLF001 - its own module
        except (NetworkError, VerificationError) as error:
            failures.append(error)
        else:
            return repository
    raise failures[0]


def _load(repository: Repository) -> list[tuple[Suite, Table]]:
    found = [(suite, _known(repository, suite)) for suite in repository.release.suites]
    if all(rows for _, rows in found):
        return [(suite, rows) for suite, rows in found if rows]
    from nosh.sources.repository import suites  # noqa: PLC0415 - fresh lists need no network

    return suites.update(repository, [(suite, _key(repository, suite)) for suite, _ in found])


def _known(repository: Repository, suite: Suite) -> Table | None:
    """Return the table of a suite if it is there and fresh, or if there is no network to ask."""
    access = repository.access
    known = access.store.recall("suite", _key(repository, suite)) or {}
    path = access.store.root / "indexes" / str(known.get("table"))
    asked = known.get("asked")
    fresh = isinstance(asked, int) and 0 <= clock.now() - asked < FRESH and not access.refresh
    return Table(path) if known and (fresh or access.web.settings.offline) and path.exists() else None


def _key(repository: Repository, suite: Suite) -> str:
    access = repository.access
    # What was believed without a signature, or with another key, is not believed now.
    trust = "insecure" if access.insecure else digests.of(access.keyring or b"shipped")
    address = f"{repository.mirror.archive(suite.archive)}/dists/{suite.name}"
    return f"{address} {repository.platform.debian} {trust}"
