"""Bringing a suite's package list up to date: everything that needs the mirror.

Trust runs in one chain: a pinned key signs InRelease, InRelease vouches for the package lists, a list vouches for each
package. Nothing is used before its link of the chain has been checked.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from nosh.formats import compression, signature
from nosh.formats.deb import index
from nosh.outside import clock, http
from nosh.outside.http import AbsentError, LargerError
from nosh.sources.distributions import Suite
from nosh.sources.repository import release as releases
from nosh.sources.repository import table
from nosh.sources.repository.release import Listing, ReleaseFile
from nosh.sources.repository.table import Table
from nosh.values import digest as digests
from nosh.values.errors import FormatError, VerificationError
from nosh.values.package import Package
from nosh.values.platform import Platform

if TYPE_CHECKING:
    from nosh.sources.repository.apt import Access, Repository

_RELEASE_LIMIT = 8 << 20
_LIST_LIMIT = 1 << 30
# A path and the names of those that have it; what is longer fills memory on purpose.
_LINE_LIMIT = 1 << 20
_COMPONENT = "main"


def update(repository: "Repository", suites: Sequence[tuple[Suite, str]]) -> list[tuple[Suite, Table]]:
    """Return the newest tables of suites, each given with the key of what is known of it.

    Raises:
        NetworkError: the mirror cannot be reached.
        VerificationError: what it says does not verify.
    """
    with ThreadPoolExecutor(len(suites)) as pool:
        tables = pool.map(lambda pair: _table(repository, *pair), suites)
        return [(suite, rows) for (suite, _), rows in zip(suites, tables, strict=True)]


def _table(repository: "Repository", suite: Suite, key: str) -> Table:
    access = repository.access
    address = f"{repository.mirror.archive(suite.archive)}/dists/{suite.name}"
    known = access.store.recall("suite", key) or {}
    try:
        name, date = _update(repository, suite, address, int(str(known.get("date", 0))))
    except _OlderError as error:
        newer = access.store.root / "indexes" / str(known.get("table"))
        if not newer.exists():
            raise
        access.progress.warn(f"{error.message}: the newer lists are used")
        return Table(newer)
    access.store.remember("suite", key, record={"table": name, "date": date, "asked": clock.now()})
    return Table(access.store.root / "indexes" / name)


class _OlderError(VerificationError):
    """The mirror shows an older state than it showed before."""


def _update(repository: "Repository", suite: Suite, address: str, known_date: int) -> tuple[str, int]:
    for last_try in (False, True):
        release = _release_file(repository, suite, address)
        if release.date < known_date:
            raise _OlderError(
                f"cannot trust {http.redact(address)}: it is older than what it showed before",
                hint="somebody may hold updates back: use another mirror (--mirror URL)",
            )
        listing = _listing(release, repository.platform.debian, address=address)
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


def _release_file(repository: "Repository", suite: Suite, address: str) -> ReleaseFile:
    data = repository.access.web.get(f"{address}/InRelease", limit=_RELEASE_LIMIT)
    where = f"{http.redact(address)}/InRelease"
    release = repository.release
    try:
        if repository.access.insecure:
            text = _unsigned(data)
            repository.access.progress.warn(f"{where} is used without checking its signature (--insecure)")
        else:
            keyring = repository.access.keyring or release.keys()
            text = signature.verified(data, keyring, trusted=() if repository.access.keyring else release.trusted)
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


def _listing(release: ReleaseFile, architecture: str, *, address: str) -> Listing:
    for ending in (".xz", ".gz", ""):
        found = release.listings.get(f"{_COMPONENT}/binary-{architecture}/Packages{ending}")
        if found:
            return found
    raise VerificationError(
        f"cannot use {http.redact(address)}: it has no list of {_COMPONENT} packages for {architecture}"
    )


def _fetch_list(repository: "Repository", address: str, listing: Listing, *, by_hash: bool) -> bytes:
    path = listing.path
    if by_hash:
        path = f"{path.rpartition('/')[0]}/by-hash/SHA256/{digests.hex_of(listing.digest)}"
    try:
        data = repository.access.web.get(f"{address}/{path}", limit=listing.size)
    except LargerError:
        data = b""
    if len(data) != listing.size or digests.of(data) != listing.digest:
        raise VerificationError(
            f"cannot trust {http.redact(address)}/{path}: it is not the list that was signed",
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


def download(access: "Access", package: Package) -> None:
    """Bring a package's bytes into the store.

    Raises:
        NetworkError: they cannot be had.
        VerificationError: they are not those that the list names.
    """
    with access.store.write() as writer:
        try:
            access.web.stream(package.location, writer.write, limit=package.size, restart=writer.restart)
        except LargerError as error:
            raise _another(package, f"more than {package.size} bytes") from error
        if writer.size != package.size or writer.digest() != package.digest:
            raise _another(package, f"{writer.size} of {package.size} bytes")
        writer.commit()


def _another(package: Package, size: str) -> VerificationError:
    return VerificationError(
        f"cannot trust {http.redact(package.location)}: it is not the file that the package list names ({size})",
        hint="the mirror is damaged or has been tampered with: use another mirror (--mirror URL)",
    )


def providers(access: "Access", archive: str, *, suite: Suite, platform: Platform, path_end: str) -> tuple[str, ...]:
    """Return packages that have a file whose path ends so, from the archive's list of contents.

    The list is not verified: it is good for advice, and for nothing else.

    Raises:
        NetworkError: the list cannot be had.
        FormatError: it is damaged.
    """
    address = f"{archive}/dists/{suite.name}/{_COMPONENT}/Contents-{platform.debian}.gz"
    data = access.web.get(address, limit=_LIST_LIMIT)
    wanted = path_end.encode()
    found: dict[str, None] = {}
    try:
        for line in _lines_with(wanted, data):
            path, _, places = line.rstrip().rpartition(b" ")
            if path.rstrip().endswith(wanted):
                found |= dict.fromkeys(place.rpartition("/")[2] for place in places.decode().split(","))
    except (FormatError, UnicodeDecodeError) as error:
        raise FormatError(f"cannot read list of contents {http.redact(address)}: it is damaged ({error})") from error
    return tuple(found)


def _lines_with(wanted: bytes, data: bytes) -> Iterator[bytes]:
    if not data.startswith(b"\x1f\x8b"):
        raise FormatError("it is not compressed")
    rest = b""
    for chunk in compression.decompress(io.BytesIO(data)):
        whole, _, rest = (rest + chunk).rpartition(b"\n")
        if wanted in whole:
            yield from (line for line in whole.split(b"\n") if wanted in line)
        if len(rest) > _LINE_LIMIT:
            raise FormatError(f"a line has more than {_LINE_LIMIT} bytes")
    if wanted in rest:
        yield rest
