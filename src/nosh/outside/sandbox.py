"""nosh's own rootless runner, for trying images on a machine without an engine; not for production.

A program runs in user, mount, process, network, IPC and host-name namespaces of its own, on the image's files with a
layer of memory over them that is thrown away. Ports of the host are relayed into its network, from which there is no
other way out. An ordinary user has one user id to give: the program sees itself as the image's user and as the owner
of every file, so that a question of permissions cannot be settled here.
"""

import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nosh.outside import ports, process
from nosh.outside.ports import Port
from nosh.outside.process import Child, Process
from nosh.values.errors import EngineError

GRACE = 10.0
STOPPING = frozenset({signal.SIGTERM, signal.SIGINT})
_SETTINGS = (
    ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    ("/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
)


@dataclass(frozen=True, slots=True)
class Launch:
    """A program and the files it runs on.

    Attributes:
        root: folder with the image's files; nothing in it is changed.
        env: all variables of the program.
        ports: where they have no address, only this machine reaches them.
        host_network: use the host's network in place of an own one.
        read_only: let the program write to nothing but shared memory.
        stop_signal: what asks the program to end.
    """

    root: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    workdir: str = "/"
    uid: int = 0
    gid: int = 0
    ports: tuple[Port, ...] = ()
    host_network: bool = False
    read_only: bool = False
    hostname: str = "nosh"
    stop_signal: int = signal.SIGTERM


@dataclass(frozen=True, slots=True)
class Box:
    """A sandbox in which a program has started.

    Attributes:
        child: the outermost process, which ends with the program's code.
        init: process 1 of the sandbox, with which everything in it ends.
    """

    child: Child
    init: Process | None


def check() -> None:
    """Make a sandbox, to see whether this machine allows that.

    Raises:
        EngineError: it does not; the hint says what would have to be set.
    """
    with tempfile.TemporaryDirectory(prefix="nosh-") as root:
        code = start(Launch(root, ())).child.wait()
    if code:
        raise EngineError(f"cannot make a sandbox: the attempt ended with {code}", hint=_cure())


def run(launch: Launch) -> int:
    """Run a program on our own input and output to its end, and return its exit code.

    SIGTERM and SIGINT ask it to end, by the launch's stop signal; after a second one, or 10 seconds, it is killed.

    Raises:
        EngineError: the program cannot be started, a port is in use, or the machine allows no namespaces.
    """
    # The program may be up and a user may end it before we listen: `wait` does.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        return wait(start(launch), launch.stop_signal, grace=GRACE)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start(launch: Launch, *, output: int | None = None) -> Box:
    """Start a program; it does not outlive us.

    Args:
        launch: what to run.
        output: descriptor for its output; without it input and output are ours.

    Raises:
        EngineError: the program cannot be started, a port is in use, or the machine allows no namespaces.
    """
    if Path(launch.root).resolve() == Path("/"):
        raise EngineError("cannot make a sandbox of /: that is this machine, no image")
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(ports.listen(port)) for port in launch.ports]
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stack.enter_context(ours)
        with theirs:
            spec = hand_over(_spec(launch, [listener.fileno() for listener in listeners]))
            try:
                child = process.start(
                    [sys.executable, "-P", "-m", "nosh.outside.sandbox_init", str(spec), str(theirs.fileno())],
                    pass_on=[spec, theirs.fileno(), *(listener.fileno() for listener in listeners)],
                    output=output,
                )
            finally:
                os.close(spec)
        try:
            return _attend(child, ours, launch)
        except BaseException:
            child.kill()
            child.wait()
            raise


def _spec(launch: Launch, listeners: list[int]) -> bytes:
    document = {
        "root": launch.root,
        "argv": launch.argv,
        "env": dict(launch.env),
        "workdir": launch.workdir or "/",
        "uid": launch.uid,
        "gid": launch.gid,
        "hostname": launch.hostname,
        "host_network": launch.host_network,
        "read_only": launch.read_only,
        "all_users": os.geteuid() == 0,
        "listeners": list(zip(listeners, (port.inner for port in launch.ports), strict=True)),
    }
    return json.dumps(document).encode()


def hand_over(data: bytes) -> int:
    """Return a descriptor from which a program we start reads these bytes.

    Arguments can be read by every user of the machine, and there are secrets among a program's variables.
    """
    descriptor = os.memfd_create("nosh")
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _attend(child: Child, control: socket.socket, launch: Launch) -> Box:
    """Help a sandbox into being, until the program has started."""
    init, mapped = None, False
    while message := control.recv(4096).decode(errors="replace"):
        word, _, rest = message.partition(" ")
        if word == "map":
            _map_users(child.pid, launch)
            control.send(b"mapped")
            mapped = True
        elif word == "init":
            init = process.identify(int(rest))
        elif word == "absent":
            hint = "the image has only what was put into it, and no shell" if "no such file" in rest else ""
            raise EngineError(f"cannot start {rest}", hint=hint)
        else:
            raise EngineError(f"cannot make a sandbox: {rest}", hint=_cure())
    if not mapped:
        raise EngineError("cannot make a sandbox: its first process ended at once", hint=_cure())
    return Box(child, init)


def _map_users(pid: int, launch: Launch) -> None:
    folder = Path("/proc", str(pid))
    try:
        if os.geteuid() == 0:
            # Root may map everybody it has: owners in the image are then the real ones.
            for name in ("uid_map", "gid_map"):
                ours = [line.split() for line in Path("/proc/self", name).read_text().splitlines()]
                (folder / name).write_text("".join(f"{inside} {inside} {count}\n" for inside, _, count in ours))
            return
        (folder / "setgroups").write_text("deny")
        (folder / "gid_map").write_text(f"{launch.gid} {os.getegid()} 1\n")
        (folder / "uid_map").write_text(f"{launch.uid} {os.geteuid()} 1\n")
    except OSError as error:
        raise EngineError(f"cannot make a sandbox: no user can be mapped: {error.strerror}", hint=_cure()) from error


def _cure() -> str:
    for path, bad, setting in _SETTINGS:
        with contextlib.suppress(OSError):
            if Path(path).read_text().strip() == bad:
                return f"allow ordinary users their own namespaces: sysctl -w {setting}"
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return "this is a container: start it with --security-opt seccomp=unconfined, or use --engine docker or podman"
    return "the kernel has to allow user namespaces, and overlays in them (Linux 5.11 or newer)"


def wait(box: Box, stop_signal: int, *, grace: float) -> int:
    """Wait for a program to end and return its exit code; SIGTERM and SIGINT to us, blocked or not, ask it to.

    Args:
        box: where it runs.
        stop_signal: what asks it.
        grace: seconds after which it is killed; 0 leaves killing to whoever asked.
    """
    asked: list[int] = []

    def ask(number: int) -> None:
        asked.append(number)
        box.child.send_signal(stop_signal if len(asked) == 1 or not grace else signal.SIGKILL)
        if len(asked) == 1:
            signal.setitimer(signal.ITIMER_REAL, grace)

    with _handling({signal.SIGTERM: ask, signal.SIGINT: ask, signal.SIGALRM: lambda _: box.child.kill()}):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        try:
            code = box.child.wait()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            box.child.kill()
            box.child.wait()
    if box.init:
        process.wait_for(lambda: box.init is None or not process.alive(box.init), GRACE)
    return 128 - code if code < 0 else code


@contextlib.contextmanager
def _handling(handlers: Mapping[int, Callable[[int], object]]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for number, handler in handlers.items():
            stack.enter_context(process.handling(number, handler))
        yield
