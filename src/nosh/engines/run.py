"""Choosing an engine, starting a container, waiting until it is healthy."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from nosh.engines import commandline
from nosh.engines.engine import Available, Engine, Order, Skipped
from nosh.engines.sandbox import Sandbox
from nosh.outside import probe
from nosh.outside.sandbox import Port
from nosh.values.errors import EngineError, NotFoundError, UsageError

NAMES = ("docker", "podman", "sandbox")
_PAUSE = 0.05


@dataclass(frozen=True)
class Running:
    """A container in the background, with the addresses at which it answers."""

    engine: str
    container: str
    addresses: tuple[str, ...]


def engines(environment: Mapping[str, str], folder: Path) -> tuple[Engine, ...]:
    """Return all engines in the order in which they are tried."""
    return commandline.docker(environment), commandline.podman(environment), Sandbox(folder)


def choose(candidates: Sequence[Engine], wanted: str = "") -> Engine:
    """Return the wanted engine, or the first that works.

    Raises:
        EngineError: it does not work, or none does.
    """
    reasons: list[tuple[str, Skipped]] = []
    for engine in candidates:
        if wanted in {"", engine.name}:
            answer = engine.available()
            if isinstance(answer, Available):
                return engine
            reasons.append((engine.name, answer))
    what = wanted or "any engine"
    lines = "; ".join(f"{name}: {answer.reason}" for name, answer in reasons)
    raise EngineError(
        f"cannot use {what}: {lines or 'it is not known'}",
        hint=next((answer.hint for _, answer in reasons if answer.hint), ""),
    )


def start(engine: Engine, order: Order, *, path: str = "", timeout: float = 30.0) -> Running:
    """Start a container and wait until it answers at `path`, if one is given.

    Raises:
        EngineError: a port is in use, the program ended, or it did not become healthy within `timeout` seconds.
    """
    check_ports(order)
    if path and not order.ports:
        raise UsageError("cannot wait for health: no port is published", hint="add -p PORT:PORT")
    container = engine.start(order)
    addresses = tuple(f"http://{_reachable(port)}:{port.host}" for port in order.ports)
    if path:
        try:
            _wait(engine, container, order, path, timeout)
        except BaseException:
            engine.stop(container)
            raise
    return Running(engine.name, container, addresses)


def _reachable(port: Port) -> str:
    return "127.0.0.1" if ip_address(port.address).is_unspecified else port.address


def check_ports(order: Order) -> None:
    """Check that nobody uses the ports.

    Raises:
        EngineError: somebody does; the hint has a free one.
    """
    for port in order.ports:
        reason = probe.occupied(port.address, port.host)
        if reason:
            raise EngineError(
                f"cannot use port {port.host}: {reason}",
                hint=f"try another one: -p {probe.free_port()}:{port.inner}",
            )


def _wait(engine: Engine, container: str, order: Order, path: str, timeout: float) -> None:
    port = order.ports[0]
    end = time.monotonic() + timeout
    while True:
        answer = probe.status(_reachable(port), port.host, path)
        if isinstance(answer, int) and answer < 400:
            return
        last = engine.ended(container)
        if last is not None:
            raise EngineError(f"cannot run {order.name}: the program ended before it was healthy\n{last.rstrip()}")
        if time.monotonic() > end:
            said = f"it answers {answer}" if isinstance(answer, int) else answer
            raise EngineError(
                f"cannot run {order.name}: {path} was not healthy within {timeout:.0f} seconds ({said})",
                hint="does the program listen on all addresses, on that port?",
            )
        time.sleep(_PAUSE)


def follow(engine: Engine, running: Running) -> int:
    """Wait for a container until it ends or the user interrupts; then stop it, and return an exit code."""
    try:
        while engine.ended(running.container) is None:
            time.sleep(0.2)
    except KeyboardInterrupt:
        engine.stop(running.container)
        return 0
    engine.stop(running.container)
    return 1


def stop(candidates: Sequence[Engine], container: str) -> str:
    """Stop a container, whichever engine runs it, and return the engine's name.

    Raises:
        NotFoundError: no engine runs it.
    """
    asked = []
    for engine in reversed(candidates):
        if isinstance(engine.available(), Available):
            asked.append(engine.name)
            if engine.stop(container):
                return engine.name
    raise NotFoundError(f"cannot stop {container}: {' and '.join(asked) or 'no engine'} runs none of that name")
