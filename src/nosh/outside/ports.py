"""Ports of this machine: taking them, finding free ones."""

import contextlib
import os
import socket
from dataclasses import dataclass

from nosh.values.errors import EngineError

LOCAL = "127.0.0.1"
_NEAR = 100


@dataclass(frozen=True, slots=True)
class Port:
    """A port of this machine that leads to one inside.

    Attributes:
        address: where the port is open; empty leaves that to the engine.
    """

    host: int
    inner: int
    address: str = ""


def listen(port: Port) -> socket.socket:
    """Take a port; without an address only this machine can reach it.

    Raises:
        EngineError: somebody else has it, or it may not be taken; the hint has a free one.
    """
    try:
        return _open(port.address or LOCAL, port.host)
    except OSError as error:
        free = free_port(near=port.host)
        # Python adds the address to what the system says; a name that nobody knows has a number below 0.
        number = error.errno or 0
        reason = os.strerror(number).lower() if number > 0 else error.strerror or str(error)
        raise EngineError(
            f"cannot use port {port.host}: {reason}",
            hint=f"port {free} is free: -p {free}:{port.inner}",
        ) from error


def _open(address: str, number: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, number), family=family, backlog=128)


def free_port(*, near: int = 0) -> int:
    """Return a port that nobody on this machine listens on now, a little above `near` if there is one."""
    candidates = range(max(near + 1, 1024), min(near + _NEAR, 65536)) if near else ()
    for number in candidates:
        with contextlib.suppress(OSError), _open(LOCAL, number):
            return number
    with _open(LOCAL, 0) as probe:
        return int(probe.getsockname()[1])
