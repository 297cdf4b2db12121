"""Distributions as data: releases, suites, keys, dates."""

from dataclasses import dataclass
from pathlib import Path

from nosh.values.errors import NotFoundError
from nosh.values.suggest import hint


@dataclass(frozen=True, slots=True)
class Suite:
    """One line of a repository.

    Attributes:
        archive: which archive of the mirror has it: ``debian`` or ``debian-security``.
        name: its folder below ``dists``, which is its codename as well.
    """

    archive: str
    name: str


@dataclass(frozen=True, slots=True)
class Release:
    """A release of a distribution.

    Attributes:
        name: as recipes and image names write it.
        date: seconds since 1970 of the day it came out.
        origins: what its suites' Release files may call themselves.
        trusted: fingerprints of the keys that sign it.
        merged: whether /bin, /lib and /sbin are links into /usr.
    """

    name: str
    title: str
    version: str
    codename: str
    date: int
    suites: tuple[Suite, ...]
    origins: tuple[str, ...]
    keyring: str
    trusted: tuple[str, ...]
    merged: bool

    def keys(self) -> bytes:
        """Return the key ring that nosh ships for it."""
        return (Path(__file__).parent / "keys" / self.keyring).read_bytes()


def _debian(version: str, codename: str, *, date: int, trusted: tuple[str, ...], merged: bool) -> Release:
    return Release(
        name=f"debian{version}",
        title="Debian GNU/Linux",
        version=version,
        codename=codename,
        date=date,
        suites=(
            Suite("debian", codename),
            Suite("debian", f"{codename}-updates"),
            Suite("debian-security", f"{codename}-security"),
        ),
        origins=("Debian",),
        keyring="debian-archive-keyring.gpg",
        trusted=trusted,
        merged=merged,
    )


# Archive, security and stable keys of each release, as the Debian archive's key page lists them.
_BULLSEYE = (
    "1f89983e0081fde018f3cc9673a4f27b8dd47936",
    "ac530d520f2f3269f5e98313a48449044aad5c5d",
    "a4285295fc7b1a81600062a9605c66f00d6c9793",
)
_BOOKWORM = (
    "b8b80b5b623eab6ad8775c45b7c5d7d6350947f8",
    "05ab90340c0c5e797f44a8c8254cf3b5aec0a8f0",
    "4d64fec119c2029067d6e791f8d2585b8783d481",
)
_TRIXIE = (
    "04b54c3cdca79751b16bc6b5225629df75b188bd",
    "5e04a1e3223a19a20706e20f9904613d4cce68c6",
    "41587f7db8c774bccf131416762f67a0b2c39de4",
)

DEBIAN12 = _debian("12", "bookworm", date=1686355200, trusted=(*_BULLSEYE, *_BOOKWORM), merged=False)
DEBIAN13 = _debian("13", "trixie", date=1754697600, trusted=(*_BOOKWORM, *_TRIXIE), merged=True)

RELEASES = {release.name: release for release in (DEBIAN12, DEBIAN13)}


def release(name: str) -> Release:
    """Return a release by name.

    Raises:
        NotFoundError: nosh does not know it.
    """
    if name not in RELEASES:
        raise NotFoundError(f"cannot use release {name!r}: it is not known", hint=hint(name, RELEASES))
    return RELEASES[name]
