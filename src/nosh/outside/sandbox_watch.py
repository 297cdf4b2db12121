"""Sandboxes that go on after we have ended: each has a process that watches over it, a log and a file of its state."""

import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import TypedDict

from nosh.outside import ports, process, sandbox, store
from nosh.outside.ports import Port
from nosh.outside.process import Process
from nosh.outside.sandbox import GRACE, Launch
from nosh.values.errors import EngineError, Error, NotFoundError, UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_LOG_TAIL = 4096
_START = 30.0


class _State(TypedDict):
    watcher: tuple[int, int]
    init: tuple[int, int]
    code: int | None


class _Listed(TypedDict):
    argv: list[str]
    ports: list[tuple[int, int, str]]


class _Rest(TypedDict):
    root: str
    env: dict[str, str]
    workdir: str
    uid: int
    gid: int
    host_network: bool
    read_only: bool
    hostname: str
    stop_signal: int


@dataclass(frozen=True, slots=True)
class State:
    """A sandbox that was started and not stopped.

    Attributes:
        code: what the program ended with, or None while it runs.
        log: the last lines of its output.
    """

    name: str
    watcher: Process
    init: Process
    code: int | None
    log: str


def start(launch: Launch, name: str, folder: Path) -> State:
    """Start a program in the background; it has started when this returns.

    Args:
        launch: what to run.
        name: what it is stopped by.
        folder: keeps its state and log.

    Raises:
        UsageError: no sandbox can have that name.
        EngineError: the name is taken, the program cannot be started, a port is in use, or the machine allows no
            namespaces.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"cannot name a sandbox {name!r}", hint="use letters, digits, dots, dashes and underscores")
    with store.lock_file(folder / "lock"):
        before = state(name, folder)
        if before and before.code is None:
            raise EngineError(f"cannot start {name}: it is running", hint=f"nosh stop {name}, or another --name")
        for port in launch.ports:
            ports.listen(port).close()
        _forget(name, folder)
        with store.guard("write", folder), _log(name, folder) as log:
            answer = _start_watcher(launch, name, folder, log)
    found = state(name, folder)
    if answer or not found:
        _forget(name, folder)
        reason, hint = answer or ("its watcher ended at once", "")
        raise EngineError(reason if answer else f"cannot start {name}: {reason}", hint=hint)
    return found


@contextlib.contextmanager
def _log(name: str, folder: Path) -> Iterator[int]:
    # Programs print secrets at times: it is for the user's eyes only.
    log = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    try:
        yield log
    finally:
        os.close(log)


def _start_watcher(launch: Launch, name: str, folder: Path, log: int) -> tuple[str, str] | None:
    """Return why a watcher could not start the program, and a hint, or None if it could."""
    reader, writer = os.pipe()
    try:
        spec = sandbox.hand_over(_pack(launch))
        words = (str(spec), str(writer), name, str(folder.absolute()))
        child = process.start(
            [sys.executable, "-P", "-m", "nosh.outside.sandbox_watch", *words],
            pass_on=[spec, writer], output=log, session=True,
        )  # fmt: skip
        os.close(spec)
    finally:
        os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        said = answer.read()
    # It has left a process behind that is no child of ours.
    child.wait()
    return tuple(json.loads(said)) if said else None


def state(name: str, folder: Path) -> State | None:
    """Return the state of a sandbox, or None if none of that name was started."""
    try:
        document: _State = json.loads((folder / f"{name}.json").read_bytes())
    except (OSError, ValueError):
        return None
    watcher, init = Process(*document["watcher"]), Process(*document["init"])
    code = document["code"]
    if code is None and not process.alive(watcher) and not process.alive(init):
        # Somebody killed the watcher, and with it the program.
        code = 137
    return State(name, watcher, init, code, _tail(folder / f"{name}.log"))


def _tail(path: Path) -> str:
    try:
        return path.read_bytes()[-_LOG_TAIL:].decode(errors="replace")
    except OSError:
        return ""


def listing(folder: Path) -> Iterator[State]:
    """Yield every sandbox that was started and not stopped, by name."""
    for path in sorted(folder.glob("*.json")):
        found = state(path.stem, folder)
        if found:
            yield found


def stop(name: str, folder: Path, *, grace: float = GRACE) -> None:
    """End a sandbox and forget it: the program is asked to end, and killed after `grace` seconds.

    Raises:
        NotFoundError: none of that name was started.
        EngineError: it does not end even when it is killed.
    """
    found = state(name, folder)
    if found is None:
        known = ", ".join(other.name for other in listing(folder))
        raise NotFoundError(
            f"cannot stop {name}: no sandbox of that name runs", hint=f"running: {known}" if known else ""
        )
    process.terminate(found.watcher, grace)
    if not process.wait_for(lambda: not process.alive(found.init), GRACE):
        raise EngineError(f"cannot stop {name}: process {found.init.pid} does not end")
    _forget(name, folder)


def _forget(name: str, folder: Path) -> None:
    for ending in ("json", "log"):
        (folder / f"{name}.{ending}").unlink(missing_ok=True)


def _watch(spec: int, answer: int, *, name: str, folder: Path) -> int:
    with os.fdopen(spec, "rb") as file:
        launched = _unpack(file.read())
    try:
        box = sandbox.start(launched, output=1)
    except Error as error:
        os.write(answer, json.dumps([error.message, error.hint]).encode())
        return 1
    me = process.identify(os.getpid())
    if me is None or box.init is None:
        return 1
    record: _State = {"watcher": (me.pid, me.born), "init": (box.init.pid, box.init.born), "code": None}
    path = folder / f"{name}.json"
    store.replace(path, json.dumps(record).encode())
    # From here on whoever started us may stop us: not before we listen.
    signal.pthread_sigmask(signal.SIG_BLOCK, sandbox.STOPPING)
    os.close(answer)
    code = sandbox.wait(box, launched.stop_signal, grace=0)
    store.replace(path, json.dumps({**record, "code": code}).encode())
    return 0


def _pack(launch: Launch) -> bytes:
    document = asdict(launch)
    listed: _Listed = {"argv": document.pop("argv"), "ports": [astuple(port) for port in launch.ports]}
    del document["ports"]
    return json.dumps([listed, document]).encode()


def _unpack(data: bytes) -> Launch:
    listed: _Listed
    rest: _Rest
    listed, rest = json.loads(data)
    return Launch(argv=tuple(listed["argv"]), ports=tuple(Port(*port) for port in listed["ports"]), **rest)


def main() -> int:
    """Leave a process behind that starts a sandbox, watches over it and notes how it ends."""
    spec, answer, name, folder = sys.argv[1:]
    if os.fork():
        return 0
    return _watch(int(spec), int(answer), name=name, folder=Path(folder))


if __name__ == "__main__":
    sys.exit(main())
