"""A signed Debian repository made from values: as files in memory, on a loopback server, or in a folder.

`files` gives the whole repository as path -> bytes, so that a test tampers with it by changing a table. The two
archives of a mirror lie side by side, as ``debian`` and ``debian-security``.
"""

import gzip
import hashlib
import lzma
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from time import time

from pysequoia import SignatureMode, Tsk, sign
from tests.simulators import deb_maker, web_server
from tests.simulators.deb_maker import File, Package
from tests.simulators.web_server import Server

DAY = 86400
_PACKERS = {"xz": lambda data: lzma.compress(data, preset=0), "gz": lambda data: gzip.compress(data, mtime=0)}


@dataclass(frozen=True, slots=True)
class Key:
    """A key that signs, and its certificate as a key ring holds it."""

    secret: Tsk
    certificate: bytes

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the primary key in lower-case hex."""
        return str(self.secret.extract_certificate().fingerprint)


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite, what its Release file says, and the packages it offers.

    Attributes:
        name: its folder below ``dists``.
        codename: what its Release file says in place of the name.
        date: seconds since 1970; 0 for now.
        valid: seconds from then until it expires; 0 for never, as Debian's stable suites do.
        by_hash: whether it has its lists under their digests as well.
        digests: the fields that vouch for the lists.
        packed: how its lists are compressed; the plain list is vouched for but not there, as Debian does it.
        fields: further fields of the Release file, or others in place of the usual.
    """

    name: str
    packages: tuple[Package, ...] = ()
    codename: str = ""
    origin: str = "Debian"
    date: int = 0
    valid: int = 7 * DAY
    by_hash: bool = True
    digests: tuple[str, ...] = ("MD5Sum", "SHA256")
    packed: tuple[str, ...] = ("xz", "gz")
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Repository:
    """A mirror of a release, with the key that signs all of its suites; without one nothing is signed.

    Attributes:
        archives: ``debian`` and ``debian-security`` -> the suites in it.
    """

    archives: Mapping[str, tuple[Suite, ...]]
    key: Key | None
    architectures: tuple[str, ...] = ("amd64", "arm64")


@cache
def key(name: str = "archive") -> Key:
    """Make a key; the same name gives the same key while the tests run."""
    secret = Tsk.generate(f"{name} <{name}@example.org>")
    return Key(secret, bytes(secret.extract_certificate()))


def expired(key: Key) -> Key:
    """Return a key whose certificate says that it expired some seconds ago."""
    # New keys are dated a minute back, so that there is a time between their making and now.
    before = datetime.now(UTC) - timedelta(seconds=20)
    certificate = key.secret.extract_certificate().set_expiration(before, key.secret.certifier())
    return replace(key, certificate=bytes(certificate))


def revoked(key: Key) -> Key:
    """Return a key whose certificate says that it must not be used any more."""
    revocation = key.secret.extract_certificate().revoke(key.secret.certifier())
    return replace(key, certificate=key.certificate + bytes(revocation))


def repository(
    packages: Iterable[Package] = (),
    *,
    updates: Iterable[Package] = (),
    security: Iterable[Package] = (),
    codename: str = "trixie",
    signer: Key | None = None,
) -> Repository:
    """Return a release with its three suites, signed by the usual key unless another is given."""
    main = Suite(codename, tuple(packages))
    return Repository(
        {
            "debian": (main, Suite(f"{codename}-updates", tuple(updates))),
            "debian-security": (Suite(f"{codename}-security", tuple(security)),),
        },
        signer or key(),
    )


def change(repository: Repository, **changes: object) -> Repository:
    """Return a repository with attributes of all its suites changed."""
    archives = {
        archive: tuple(replace(suite, **changes) for suite in suites)  # type: ignore[arg-type] # whatever a Suite has
        for archive, suites in repository.archives.items()
    }
    return replace(repository, archives=archives)


def files(repository: Repository) -> dict[str, bytes]:
    """Return everything that the mirror has: path without a slash before it -> bytes."""
    found: dict[str, bytes] = {}
    for archive, suites in repository.archives.items():
        for suite in suites:
            for package in suite.packages:
                found[f"{archive}/{pool(package)}"] = deb_maker.make(package)
            below = f"{archive}/dists/{suite.name}"
            lists = _lists(repository, suite)
            found |= {f"{below}/{path}": data for path, data in lists.items() if not path.endswith("/Packages")}
            if suite.by_hash:
                found |= {f"{below}/{_by_hash(path, data)}": data for path, data in lists.items()}
            text = release_text(repository, suite, lists)
            found[f"{below}/Release"] = text
            found[f"{below}/InRelease"] = clear_sign(text, repository.key)
    return found


def pool(package: Package) -> str:
    """Return the path of a package below its archive."""
    version = package.version.partition(":")[2] or package.version
    return f"pool/main/{package.name[0]}/{package.name}/{package.name}_{version}_{package.architecture}.deb"


def clear_sign(text: bytes, key: Key | None) -> bytes:
    """Return a text with a signature around it, or as it is without a key."""
    return bytes(sign(key.secret.signer(), text, mode=SignatureMode.CLEAR)) if key else text


def packages_list(packages: Iterable[Package]) -> bytes:
    """Return the stanzas of a ``Packages`` file."""
    return "".join(map(_stanza, packages)).encode()


def release_text(repository: Repository, suite: Suite, lists: Mapping[str, bytes]) -> bytes:
    """Return the text of a Release file that vouches for lists."""
    date = datetime.fromtimestamp(suite.date or int(time()), UTC)
    fields = {
        "Origin": suite.origin,
        "Label": suite.origin,
        "Suite": suite.name,
        "Codename": suite.codename or suite.name,
        "Date": _date(date),
        **({"Valid-Until": _date(date + timedelta(seconds=suite.valid))} if suite.valid else {}),
        "Acquire-By-Hash": "yes" if suite.by_hash else "no",
        "Architectures": " ".join(repository.architectures),
        "Components": "main",
        **suite.fields,
    }
    lines = [f"{name}: {value}\n" for name, value in fields.items()]
    for name in suite.digests:
        lines.append(f"{name}:\n")
        lines += [
            f" {hashlib.new(name.removesuffix('Sum').lower(), data).hexdigest()} {len(data):>8} {path}\n"
            for path, data in sorted(lists.items())
        ]
    return "".join(lines).encode()


@contextmanager
def serve(repository: Repository) -> Iterator[Server]:
    """Serve a mirror on loopback while inside; its main archive is at ``url + "/debian"``."""
    with web_server.serve(files(repository)) as server:
        yield server


def write(files: Mapping[str, bytes], folder: Path) -> str:
    """Write a mirror's files below a folder and return the ``file:`` address of its main archive."""
    for path, data in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return f"file:{folder}/debian"


def _lists(repository: Repository, suite: Suite) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for architecture in repository.architectures:
        chosen = [package for package in suite.packages if package.architecture in {architecture, "all"}]
        plain = packages_list(chosen)
        found[f"main/binary-{architecture}/Packages"] = plain
        for ending in suite.packed:
            found[f"main/binary-{architecture}/Packages.{ending}"] = _PACKERS[ending](plain)
        found[f"main/Contents-{architecture}.gz"] = _PACKERS["gz"](_contents(chosen))
    return found


def _stanza(package: Package) -> str:
    data = deb_maker.make(package)
    fields = {
        **deb_maker.control(package),
        "Filename": pool(package),
        "Size": str(len(data)),
        "SHA256": hashlib.sha256(data).hexdigest(),
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items()) + "\n"


def _contents(packages: Iterable[Package]) -> bytes:
    owners: dict[str, list[str]] = {}
    for package in packages:
        for path, content in package.files.items():
            if isinstance(content, File):
                owners.setdefault(path, []).append(f"misc/{package.name}")
    return "".join(f"{path:<60} {','.join(names)}\n" for path, names in sorted(owners.items())).encode()


def _by_hash(path: str, data: bytes) -> str:
    return f"{path.rpartition('/')[0]}/by-hash/SHA256/{hashlib.sha256(data).hexdigest()}"


def _date(moment: datetime) -> str:
    # Debian writes UTC where mail writes GMT.
    return format_datetime(moment, usegmt=True).replace("GMT", "UTC")
