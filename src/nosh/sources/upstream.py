"""Programs that come from their makers: each file is pinned by digest, so it does not matter who hands it over."""

from collections.abc import Mapping
from dataclasses import dataclass

from nosh.outside.http import Web
from nosh.outside.store import Store
from nosh.sources.tools import Tools
from nosh.values.digest import Digest
from nosh.values.platform import Platform
from nosh.values.progress import Progress


@dataclass(frozen=True, slots=True)
class Wanted:
    """A release, and the digests of the members that are taken of it."""

    kind: str
    name: str
    version: str
    members: Mapping[str, Digest]


def fetch(wanted: Wanted, platform: Platform, *, web: Web, store: Store, tools: Tools, progress: Progress) -> None:
    """Bring the members into the store.

    Raises:
        NetworkError: neither the makers' site nor the user's npm has it.
        VerificationError: what they have is something else.
    """
    with store.lock(f"upstream {wanted.name} {wanted.version} {platform}"):
        if all(store.has(digest) for digest in wanted.members.values()):
            return
        from nosh.sources import makers  # noqa: PLC0415 - what is in the store needs no network

        step = f"{wanted.name} {wanted.version}"
        progress.begin(step, 0)
        origin = makers.bring(wanted, platform, web, store, tools)
        store.remember("origin", _origin_key(wanted), record={"from": origin})
        progress.end(step, f"from {origin}")


def origin(store: Store, wanted: Wanted) -> str:
    """Return who handed a fetched release over."""
    record = store.recall("origin", _origin_key(wanted)) or {}
    return str(record.get("from", "the store"))


def _origin_key(wanted: Wanted) -> str:
    return " ".join(sorted(wanted.members.values()))
