"""A suite's Release file: which package lists there are, and until when to believe it (Debian repository format)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from nosh.formats.deb import control
from nosh.values import digest
from nosh.values.digest import Digest
from nosh.values.errors import FormatError, VerificationError

_SIZE = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Listing:
    """A file that a Release file vouches for; size in bytes."""

    path: str
    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """What a Release file says; times in seconds since 1970, `valid_until` is 0 where it says nothing."""

    origin: str
    codename: str
    date: int
    valid_until: int
    architectures: tuple[str, ...]
    by_hash: bool
    listings: Mapping[str, Listing]


def read(text: str) -> ReleaseFile:
    """Parse the verified text of a Release file.

    Raises:
        FormatError: it is malformed or vouches with nothing stronger than MD5 or SHA-1.
    """
    fields = control.paragraph(text)
    if "SHA256" not in fields:
        raise FormatError("it vouches for its lists with no SHA-256 digests")
    if "Date" not in fields:
        raise FormatError("it has no date")
    return ReleaseFile(
        origin=fields.get("Origin", ""),
        codename=fields.get("Codename", ""),
        date=_time(fields["Date"]),
        valid_until=_time(fields["Valid-Until"]) if "Valid-Until" in fields else 0,
        architectures=tuple(fields.get("Architectures", "").split()),
        by_hash=fields.get("Acquire-By-Hash", "") == "yes",
        listings={listing.path: listing for listing in map(_listing, fields["SHA256"].split("\n")) if listing.path},
    )


def _time(text: str) -> int:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        raise FormatError(f"{text[:80]!r} is not a date") from None
    # The zone "-0000" says no more than that it is UTC (RFC 5322 §3.3); the machine's own zone plays no part.
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _listing(line: str) -> Listing:
    if not line.strip():
        return Listing("", Digest(""), 0)
    parts = line.split()
    if len(parts) != 3 or not _SIZE.fullmatch(parts[1]):
        raise FormatError(f"its line {line[:80]!r} is no digest, size and path")
    return Listing(parts[2], digest.from_hex(parts[0]), int(parts[1]))


def check(release: ReleaseFile, *, codename: str, origins: tuple[str, ...], architecture: str, at: int) -> None:
    """Check that a Release file is the one that was asked for and still counts at a time.

    Raises:
        VerificationError: it is of another suite or distribution, has expired or lacks the architecture.
    """
    if release.codename != codename:
        raise VerificationError(f"it is of {release.codename or 'no suite'}, not of {codename}")
    if release.origin not in origins:
        raise VerificationError(f"its origin is {release.origin or 'not said'}, not {' or '.join(origins)}")
    if release.valid_until and release.valid_until < at:
        raise VerificationError(
            f"it expired {max(1, (at - release.valid_until) // 3600)} hours ago (Valid-Until)",
            hint="the mirror is out of date, or somebody holds updates back: use another mirror (--mirror URL)",
        )
    if architecture not in release.architectures:
        raise VerificationError(
            f"it has no packages for {architecture}", hint=f"it has {', '.join(release.architectures)}"
        )
