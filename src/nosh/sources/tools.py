"""Where build tools are looked for; `toolchain` does the looking."""

from collections.abc import Mapping
from dataclasses import dataclass

from nosh.outside.store import Store


@dataclass(frozen=True)
class Tools:
    """What finding a tool needs.

    Attributes:
        environment: the user's, of which tools see only what they need.
        store: keeps tools that were fetched, and their caches.
    """

    environment: Mapping[str, str]
    store: Store
    offline: bool = False
