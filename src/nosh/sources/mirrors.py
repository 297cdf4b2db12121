"""Which mirror to ask: the user's, else the machine's own, else the public snapshot archive."""

import re
import time as clocks
from collections.abc import Iterable
from dataclasses import dataclass

from nosh.sources.aptconf import Line
from nosh.sources.distributions import RELEASES

_SNAPSHOT = "https://snapshot.debian.org/archive"
# New points appear about every six hours; the archive answers with the newest one before the time asked for.
_SNAPSHOT_STEP = 6 * 3600
_ALIASES = ("stable", "oldstable", "testing", "sid", "unstable")


@dataclass(frozen=True, slots=True)
class Mirror:
    """Addresses of a distribution's archives.

    Attributes:
        main: address of the main archive, without a slash at the end.
        security: address of the archive of security updates.
        time: the point in time a snapshot shows, in seconds since 1970; 0 for a living mirror.
        said_by: who named it, for messages.
    """

    main: str
    security: str
    time: int = 0
    said_by: str = ""

    def archive(self, name: str) -> str:
        """Return the address of ``debian`` or ``debian-security``."""
        return self.security if name.endswith("-security") else self.main


def named(address: str, said_by: str) -> Mirror:
    """Return the mirror a user names by the address of its main archive."""
    address = address.rstrip("/")
    return Mirror(address, _sibling(address), _point(address), said_by)


def candidates(configured: Iterable[Line], *, now: int) -> tuple[Mirror, ...]:
    """Return the mirrors to try in order, without one that the user names.

    An entry counts as Debian's by suite, component and key; whether it really is one, the signature decides.
    """
    lines = [line for line in configured if _usable(line)]
    mains = [line.uri.rstrip("/") for line in lines if _is_main(line.suite)]
    securities = [line.uri.rstrip("/") for line in lines if _is_security(line.suite)]
    found = tuple(
        Mirror(main, next(iter(securities), _sibling(main)), _point(main), "the machine's apt sources")
        for main in dict.fromkeys(mains)
    )
    return found or (snapshot(now - now % _SNAPSHOT_STEP),)


def snapshot(time: int) -> Mirror:
    """Return the public snapshot archive at a time (seconds since 1970)."""
    stamp = clocks.strftime("%Y%m%dT%H%M%SZ", clocks.gmtime(time))
    return Mirror(
        f"{_SNAPSHOT}/debian/{stamp}",
        f"{_SNAPSHOT}/debian-security/{stamp}",
        time,
        "the default (snapshot archive)",
    )


def _usable(line: Line) -> bool:
    known_key = not line.signed_by or "debian-archive" in line.signed_by or "BEGIN PGP" in line.signed_by
    return known_key and "main" in line.components and line.uri.startswith(("http://", "https://", "file:"))


def _is_main(suite: str) -> bool:
    return suite in {*_ALIASES, *(release.codename for release in RELEASES.values()), "bullseye"}


def _is_security(suite: str) -> bool:
    base, _, end = suite.replace("/", "-").rpartition("-")
    return end in {"security", "updates"} and suite.endswith(("-security", "/updates")) and _is_main(base)


def _sibling(main: str) -> str:
    match = re.fullmatch(r"(.*)/debian(/\d{8}T\d{6}Z)?", main)
    return f"{match[1]}/debian-security{match[2] or ''}" if match else main + "-security"


def _point(address: str) -> int:
    match = re.search(r"/(\d{8}T\d{6})Z(?:/|$)", address)
    if not match:
        return 0
    import calendar  # noqa: PLC0415 - start-up time

    try:
        return calendar.timegm(clocks.strptime(match[1], "%Y%m%dT%H%M%S"))
    except ValueError:
        return 0
