"""What every engine offers, and the values that go in and out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from nosh.oci.image import Image
from nosh.outside.ports import Port
from nosh.values.errors import UsageError

GRACE = 10.0


@dataclass(frozen=True, slots=True)
class Available:
    """An engine that works, with its version."""

    version: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """An engine that does not work here, why, and what would help."""

    reason: str
    hint: str = ""


@dataclass(frozen=True)
class Order:
    """A container to start.

    Attributes:
        name: name of the image, ``hello:latest``.
        container: name of the container; empty lets the engine choose.
        args: in place of the image's own arguments.
        network: ``host``, or empty for one of its own.
        user: in place of the image's own, ``user[:group]`` by name or number.
        read_only: let the program write to none of the image's folders.
    """

    image: Image
    name: str
    container: str = ""
    ports: tuple[Port, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    args: tuple[str, ...] = ()
    network: str = ""
    user: str = ""
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """A container that has ended: its program's exit code and the last lines of its output."""

    code: int
    log: str


class Engine(Protocol):
    """One way to run images."""

    @property
    def name(self) -> str:
        """What the user calls it."""

    def available(self) -> Available | Skipped:
        """Find out whether it works here."""

    def run(self, order: Order) -> int:
        """Run a container in the foreground and return its exit code."""

    def start(self, order: Order) -> str:
        """Start a container in the background and return its name."""

    def stop(self, container: str, *, grace: float = GRACE) -> bool:
        """Stop and remove a container that `start` started, killing it after `grace` seconds; say if there was one."""

    def ended(self, container: str) -> Ended | None:
        """Return how a container that `start` started has ended, or None while it runs."""


_PORT = re.compile(
    r"(?:(?:(?P<address>[0-9.]+|\[[0-9a-fA-F:]+\]|localhost):)?(?P<host>\d{1,5}):)?(?P<inner>\d{1,5})(?:/tcp)?"
)


def port(text: str) -> Port:
    """Read ``3000``, ``8080:3000`` or ``0.0.0.0:8080:3000``.

    Raises:
        UsageError: it is none of these.
    """
    match = _PORT.fullmatch(text)
    numbers = [int(match[key] or match["inner"]) for key in ("host", "inner")] if match else []
    if not match or not all(0 < number < 65536 for number in numbers):
        raise UsageError(f"cannot use -p {text!r}: it has to be [[ADDRESS:]PORT:]PORT", hint="as in -p 8080:3000")
    address = (match["address"] or "").replace("localhost", "127.0.0.1").strip("[]")
    return Port(numbers[0], numbers[1], address)
