"""nosh's own rootless runner, for trying images on a machine without an engine; not for production.

A program runs in user, mount, process, network, IPC and host-name namespaces of its own, on the image's files with a
layer of memory over them that is thrown away. Ports of the host are relayed into its network, from which there is no
other way out.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

from nosh.outside import store
from nosh.outside.sandbox_init import FAILED
from nosh.values.errors import EngineError, NotFoundError

GRACE = 10.0
_SETTINGS = (
    ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=15000"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the host that leads to one inside."""

    host: int
    inner: int
    address: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Launch:
    """A program and the files it runs on.

    Attributes:
        root: folder with the image's files.
        host_network: use the host's network in place of an own one.
        stop_signal: what asks the program to end.
    """

    root: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    workdir: str = "/"
    uid: int = 0
    gid: int = 0
    ports: tuple[Port, ...] = ()
    host_network: bool = False
    stop_signal: int = signal.SIGTERM


def obstacle() -> str:
    """Return what would have to be set so that ordinary users may have namespaces; nothing if all seems well."""
    for path, bad, cure in _SETTINGS:
        with contextlib.suppress(OSError):
            if Path(path).read_text().strip() == bad:
                return cure
    return ""


def run(launch: Launch, *, output: int | None = None) -> int:
    """Run a program to its end and return its exit code; SIGTERM and SIGINT end it in good order.

    Args:
        launch: what to run.
        output: descriptor for its output; without it the caller's own are passed on.

    Raises:
        EngineError: a port is in use, or the machine allows no namespaces.
    """
    listeners = [_listen(port) for port in launch.ports]
    with tempfile.TemporaryDirectory(prefix="nosh-") as scratch:
        child, control = _start(launch, scratch, output)
        with _stopping(child, launch.stop_signal), control:
            for port, listener in zip(launch.ports, listeners, strict=True):
                relay = _Relay(control, port.inner)
                threading.Thread(target=relay.serve, args=(listener,), daemon=True).start()
            code = child.wait()
    for listener in listeners:
        listener.close()
    return code


def _listen(port: Port) -> socket.socket:
    try:
        listener = socket.create_server((port.address, port.host), backlog=64)
    except OSError as error:
        raise EngineError(
            f"cannot use port {port.host}: {(error.strerror or str(error)).lower()}",
            hint=f"port {free_port()} is free: -p {free_port()}:{port.inner}",
        ) from error
    return listener


def free_port() -> int:
    """Return a port that nobody on this machine listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _start(launch: Launch, scratch: str, output: int | None) -> tuple["subprocess.Popen[bytes]", socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    privileged = os.geteuid() == 0
    spec = {
        "root": launch.root, "scratch": scratch, "argv": launch.argv, "env": dict(launch.env),
        "workdir": launch.workdir, "uid": launch.uid, "gid": launch.gid, "host_network": launch.host_network,
        "hostname": "nosh", "privileged": privileged,
    }  # fmt: skip
    with theirs:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "nosh.outside.sandbox_init", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=None if output is None else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0 if output is not None else None,
        )
    ours.send(json.dumps(spec).encode())
    answer = ours.recv(4096)
    if answer == b"mapme":
        _map_users(child.pid, launch, privileged=privileged)
        ours.send(b"mapped")
        answer = ours.recv(4096)
    if answer != b"started":
        child.wait()
        reason = answer.decode(errors="replace").removeprefix("failed ") or "it ended at once"
        raise EngineError(f"cannot set up the sandbox: {reason}", hint=_cure())
    return child, ours


def _cure() -> str:
    cure = obstacle()
    return f"allow namespaces: {cure}" if cure else "`nosh doctor` tells what this machine allows"


def _map_users(pid: int, launch: Launch, *, privileged: bool) -> None:
    folder = Path("/proc", str(pid))
    if privileged:
        # Root may map everybody it has: owners in the image are then the real ones.
        for name in ("uid_map", "gid_map"):
            ours = [line.split() for line in Path("/proc/self", name).read_text().splitlines()]
            (folder / name).write_text("".join(f"{inside} {inside} {count}\n" for inside, _, count in ours))
        return
    (folder / "setgroups").write_text("deny")
    (folder / "gid_map").write_text(f"{launch.gid} {os.getegid()} 1\n")
    (folder / "uid_map").write_text(f"{launch.uid} {os.geteuid()} 1\n")


@contextlib.contextmanager
def _stopping(child: "subprocess.Popen[bytes]", stop_signal: int) -> Iterator[None]:
    """Pass SIGTERM and SIGINT on while inside; what does not end in its grace period is killed."""

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the shape of a handler
        child.send_signal(stop_signal)
        timer = threading.Timer(GRACE, child.kill)
        timer.daemon = True
        timer.start()

    main_thread = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)} if main_thread else {}
    try:
        yield
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        for number, handler in before.items():
            signal.signal(number, handler)


class _Relay:
    """Carries connections from a port of the host to one inside."""

    _lock = threading.Lock()

    def __init__(self, control: socket.socket, inner: int) -> None:
        self._control, self._inner = control, inner

    def serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                outer, _ = listener.accept()
                inner = self._connect()
                if inner is None:
                    outer.close()
                    continue
                for source, target in ((outer, inner), (inner, outer)):
                    threading.Thread(target=_pump, args=(source, target), daemon=True).start()

    def _connect(self) -> socket.socket | None:
        with self._lock:
            self._control.send(str(self._inner).encode())
            message, descriptors, _, _ = socket.recv_fds(self._control, 256, 1)
        return socket.socket(fileno=descriptors[0]) if message == b"connected" and descriptors else None


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(64 << 10):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def start(launch: Launch, name: str, folder: Path) -> int:
    """Start a program that goes on after we have ended, and return the process that watches over it.

    Args:
        launch: what to run.
        name: what it is stopped by.
        folder: keeps its state and log.

    Raises:
        EngineError: the name is taken, a port is in use, or the machine allows no namespaces.
    """
    with store.lock_file(folder / "lock"):
        if state(name, folder):
            raise EngineError(f"cannot start {name}: it is running", hint=f"nosh stop {name}, or another --name")
        for port in launch.ports:
            _listen(port).close()
        store.replace(folder / f"{name}.launch", json.dumps(asdict(launch)).encode())
        with store.guard("write", folder), (folder / f"{name}.log").open("wb") as log:
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "nosh.outside.sandbox", str(folder / f"{name}.launch")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        document = {
            "pid": child.pid,
            "born": _born(child.pid),
            "ports": [asdict(port) for port in launch.ports],
        }
        store.replace(folder / f"{name}.json", json.dumps(document).encode())
    # The watcher outlives us on purpose: it is no child to wait for.
    child.returncode = 0
    return child.pid


@dataclass(frozen=True, slots=True)
class State:
    """A detached sandbox that is running."""

    name: str
    pid: int
    ports: tuple[Port, ...]
    log: Path


def state(name: str, folder: Path) -> State | None:
    """Return the state of a detached sandbox, or None if none of that name runs."""
    try:
        document = json.loads((folder / f"{name}.json").read_bytes())
    except (OSError, ValueError):
        return None
    if _born(document["pid"]) != document["born"]:
        return None
    ports = tuple(Port(**port) for port in document["ports"])
    return State(name, document["pid"], ports, folder / f"{name}.log")


def log(name: str, folder: Path) -> str:
    """Return what a detached program has printed, its last 4 KiB."""
    try:
        return (folder / f"{name}.log").read_bytes()[-4096:].decode(errors="replace")
    except OSError:
        return ""


def stop(name: str, folder: Path, *, grace: float = GRACE) -> None:
    """End a detached sandbox: it is asked to, and killed after `grace` seconds.

    Raises:
        NotFoundError: none of that name runs.
    """
    found = state(name, folder)
    if found is None:
        running = ", ".join(sorted(path.stem for path in folder.glob("*.json") if state(path.stem, folder)))
        raise NotFoundError(
            f"cannot stop {name}: no sandbox of that name runs", hint=f"running: {running}" if running else ""
        )
    _signal(found.pid, signal.SIGTERM)
    if not wait_for(lambda: state(name, folder) is None, grace + 2):
        _signal(found.pid, signal.SIGKILL)
        wait_for(lambda: state(name, folder) is None, 5)
    for ending in ("json", "launch", "log"):
        (folder / f"{name}.{ending}").unlink(missing_ok=True)


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds; say whether it did in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _born(pid: int) -> str:
    """Return when a process started, by the kernel's ticks: a number that is used again is born at another time."""
    try:
        fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "gone"
    return "gone" if fields[0] == "Z" else fields[19]


def _watch(path: Path) -> int:
    document = json.loads(path.read_bytes())
    ports = tuple(Port(**port) for port in document.pop("ports"))
    try:
        return run(Launch(**{**document, "argv": tuple(document["argv"]), "ports": ports}), output=1)
    except EngineError as error:
        sys.stderr.write(f"nosh: {error.message}\n")
        return FAILED


if __name__ == "__main__":
    sys.exit(_watch(Path(sys.argv[1])))
