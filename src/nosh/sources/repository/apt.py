"""A Debian repository: from the signature over its suites to the bytes of its packages.

Trust runs in one chain: a pinned key signs InRelease, InRelease vouches for the package lists, a list vouches for each
package. Nothing is used before its link of the chain has been checked.
"""

import gzip
import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import BinaryIO

from nosh.formats import compression, signature
from nosh.formats.deb import index
from nosh.outside import clock, http
from nosh.outside.http import AbsentError, Web
from nosh.outside.store import Store
from nosh.sources.distributions import Release, Suite
from nosh.sources.mirrors import Mirror
from nosh.sources.repository import release as releases
from nosh.sources.repository import table
from nosh.sources.repository.release import Listing, ReleaseFile
from nosh.sources.repository.table import Table
from nosh.values import digest as digests
from nosh.values.digest import Digest
from nosh.values.errors import Error, FormatError, NetworkError, VerificationError
from nosh.values.package import Package
from nosh.values.platform import Platform
from nosh.values.progress import SILENT, Progress

_RELEASE_LIMIT = 8 << 20
_LIST_LIMIT = 1 << 30
_COMPONENT = "main"
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

    web: Web
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

    def _package(self, suite: Suite, item: index.Listed) -> Package:
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
        with self.access.store.lock(package.digest):
            if self.access.store.has(package.digest):
                return
            _download(self.access, package.location, package.digest, package.size)

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
        """
        suite = self.release.suites[0]
        base = f"{self.mirror.archive(suite.archive)}/dists/{suite.name}/{_COMPONENT}"
        data = self.access.web.get(f"{base}/Contents-{self.platform.debian}.gz", limit=_LIST_LIMIT)
        wanted = path_end.encode()
        found: dict[str, None] = {}
        with gzip.open(io.BytesIO(data)) as lines:
            for line in lines:
                if wanted in line:
                    path, _, places = line.rstrip().rpartition(b" ")
                    if path.rstrip().endswith(wanted):
                        found |= dict.fromkeys(place.rpartition("/")[2] for place in places.decode().split(","))
        return tuple(found)


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
    suites = repository.release.suites
    with ThreadPoolExecutor(len(suites)) as pool:
        tables = list(pool.map(lambda suite: _table(repository, suite), suites))
    return list(zip(suites, tables, strict=True))


def _table(repository: Repository, suite: Suite) -> Table:
    address = f"{repository.mirror.archive(suite.archive)}/dists/{suite.name}"
    key = f"{address} {repository.platform.debian}"
    known = repository.access.store.recall("suite", key) or {}
    path = repository.access.store.root / "indexes" / str(known.get("table"))
    asked = known.get("asked")
    fresh = isinstance(asked, int) and 0 <= clock.now() - asked < FRESH and not repository.access.refresh
    if known and path.exists() and (fresh or repository.access.web.settings.offline):
        return Table(path)
    try:
        name, date = _update(repository, suite, address, int(str(known.get("date", 0))))
    except _OlderError as error:
        repository.access.progress.warn(error.message)
        return Table(path)
    repository.access.store.remember("suite", key, {"table": name, "date": date, "asked": clock.now()})
    return Table(repository.access.store.root / "indexes" / name)


class _OlderError(VerificationError):
    """The mirror shows an older state than it showed before."""


def _update(repository: Repository, suite: Suite, address: str, known_date: int) -> tuple[str, int]:
    for last_try in (False, True):
        release = _release_file(repository, suite, address)
        if release.date < known_date:
            raise _OlderError(f"{http.redact(address)} is older than what it showed before: kept the newer lists")
        listing = _listing(release, repository.platform.debian, address)
        name = f"{digests.hex_of(listing.digest)}-{table.LAYOUT}.sqlite"
        path = repository.access.store.root / "indexes" / name
        if path.exists():
            return name, release.date
        try:
            data = _fetch_list(repository, address, listing, by_hash=release.by_hash)
        except (AbsentError, VerificationError):
            # The mirror may have been in the middle of an update: its Release file tells.
            if last_try:
                raise
            continue
        table.write(path, index.read(data))
        return name, release.date
    raise AssertionError("the second try returns or raises")


def _release_file(repository: Repository, suite: Suite, address: str) -> ReleaseFile:
    data = repository.access.web.get(f"{address}/InRelease", limit=_RELEASE_LIMIT)
    where = f"{http.redact(address)}/InRelease"
    release = repository.release
    try:
        if repository.access.insecure:
            text = _unsigned(data)
            repository.access.progress.warn(f"{where} is used without checking its signature (--insecure)")
        else:
            keyring = repository.access.keyring or release.keys()
            text = signature.verified(data, keyring, () if repository.access.keyring else release.trusted)
        file = releases.read(text.decode("utf-8", "replace"))
        at = repository.mirror.time or clock.now()
        releases.check(
            file, codename=suite.name, origins=release.origins, architecture=repository.platform.debian, at=at
        )
    except (VerificationError, FormatError) as error:
        raise VerificationError(
            f"cannot trust {where}: {error.message}",
            hint=error.hint or "use another mirror (--mirror URL); its answer may have been changed on the way",
        ) from error
    return file


def _unsigned(data: bytes) -> bytes:
    begin = data.find(b"\n\n", data.find(b"-----BEGIN PGP SIGNED MESSAGE-----"))
    end = data.find(b"\n-----BEGIN PGP SIGNATURE-----")
    return data[begin + 2 : end] if 0 <= begin < end else data


def _listing(release: ReleaseFile, architecture: str, address: str) -> Listing:
    for ending in (".xz", ".gz", ""):
        found = release.listings.get(f"{_COMPONENT}/binary-{architecture}/Packages{ending}")
        if found:
            return found
    raise VerificationError(
        f"cannot use {http.redact(address)}: it has no list of {_COMPONENT} packages for {architecture}"
    )


def _fetch_list(repository: Repository, address: str, listing: Listing, *, by_hash: bool) -> bytes:
    path = listing.path
    if by_hash:
        path = f"{path.rpartition('/')[0]}/by-hash/SHA256/{digests.hex_of(listing.digest)}"
    data = repository.access.web.get(f"{address}/{path}", limit=listing.size)
    if len(data) != listing.size or digests.of(data) != listing.digest:
        raise VerificationError(
            f"cannot trust {http.redact(address)}/{path}: its digest is not the one that was signed",
            hint="the mirror is being updated or has been tampered with: try again, or use another (--mirror URL)",
        )
    return b"".join(_limited(compression.decompress(io.BytesIO(data))))


def _limited(chunks: Iterable[bytes]) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > _LIST_LIMIT:
            raise FormatError(f"cannot read package list: it has more than {_LIST_LIMIT} bytes")
        yield chunk


def _download(access: Access, address: str, digest: Digest, size: int) -> None:
    with access.store.write() as writer:
        access.web.stream(address, writer.write, limit=size, restart=writer.restart)
        if writer.size != size or writer.digest() != digest:
            raise VerificationError(
                f"cannot trust {http.redact(address)}: it is not the file that the package list names "
                f"({writer.size} of {size} bytes)",
                hint="the mirror is damaged or has been tampered with: use another mirror (--mirror URL)",
            )
        writer.commit()
