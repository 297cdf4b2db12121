"""Choosing an engine, starting a container, waiting until it is healthy."""

import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from nosh.engines import commandline
from nosh.engines.engine import Available, Engine, Order, Skipped
from nosh.engines.sandbox import Sandbox
from nosh.outside import ports, probe, process
from nosh.outside.ports import Port
from nosh.values.errors import EngineError, NotFoundError, UsageError

NAMES = ("docker", "podman", "sandbox")
_PAUSE = 0.05
_FOLLOW_PAUSE = 0.2


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
            _wait(engine, container, order=order, path=path, timeout=timeout)
        except BaseException:
            engine.stop(container)
            raise
    return Running(engine.name, container, addresses)


def _reachable(port: Port) -> str:
    address = ip_address(port.address or ports.LOCAL)
    if address.is_unspecified:
        return "[::1]" if address.version == 6 else ports.LOCAL
    return f"[{address}]" if address.version == 6 else str(address)


def check_ports(order: Order) -> None:
    """Check that nobody uses the ports.

    Raises:
        EngineError: somebody does; the hint has a free one.
    """
    for port in order.ports:
        ports.listen(port).close()


def _wait(engine: Engine, container: str, *, order: Order, path: str, timeout: float) -> None:
    port = order.ports[0]
    end = time.monotonic() + timeout
    while True:
        answer = probe.status(_reachable(port).strip("[]"), port.host, path=path)
        if isinstance(answer, int) and answer < 400:
            return
        ended = engine.ended(container)
        if ended:
            raise EngineError(
                f"cannot run {order.name}: the program ended with {ended.code} before it was healthy\n"
                f"{ended.log.rstrip() or '(it printed nothing)'}"
            )
        if time.monotonic() > end:
            said = f"it answers {answer}" if isinstance(answer, int) else answer
            raise EngineError(
                f"cannot run {order.name}: {path} was not healthy within {timeout:.0f} seconds ({said})",
                hint="does the program listen on all addresses, on that port?",
            )
        time.sleep(_PAUSE)


def follow(engine: Engine, running: Running) -> int:
    """Wait for a container until it ends or the user interrupts; then stop it, and return its exit code."""
    try:
        with process.handling(signal.SIGTERM, _interrupt):
            while (ended := engine.ended(running.container)) is None:
                time.sleep(_FOLLOW_PAUSE)
    except KeyboardInterrupt:
        engine.stop(running.container)
        return 0
    engine.stop(running.container)
    return ended.code


def _interrupt(_: int) -> None:
    raise KeyboardInterrupt


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
    where = f"no {' or '.join(asked)} container" if asked else "no engine works, so none"
    raise NotFoundError(f"cannot stop {container}: {where} of that name runs")
