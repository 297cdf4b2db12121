"""Runs inside a sandbox that is being made: namespaces, mounts, then the program as the image's user.

`sandbox` starts it as a process of its own. It becomes three or four: the outer one waits, one relays ports, the inner
one is process 1 of the sandbox and reaps, and its child is the program, for which signals have their usual meaning
(namespaces(7), user_namespaces(7), pivot_root(2)). Whatever touches the image's files does so after the image has
become the root: until then a link in it could lead to the host's.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import NoReturn, TypedDict

FAILED = 125

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = (
    0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
_DETACH = 2
_PDEATHSIG, _CAPBSET_DROP, _NO_NEW_PRIVS = 1, 24, 38
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
# The kernel checks no capability for some of these, only that the writer is root of the host: it might be.
_PROC_READ_ONLY = ("bus", "fs", "irq", "sys", "sysrq-trigger")
_PROC_HIDDEN = ("kcore", "keys", "kmsg", "latency_stats", "sched_debug", "timer_list")
# What Docker leaves to root in a container (capabilities(7), by number): enough for programs that start as root and
# change to another user, too little to mount.
_KEPT_CAPABILITIES = frozenset({0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31})
_FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS}
_FORWARDED = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, *_FAULTS}

_libc = ctypes.CDLL(None, use_errno=True)


class Spec(TypedDict):
    """What to run; without `argv` the sandbox is only made.

    Attributes:
        listeners: pairs of a descriptor that listens outside and the port inside that it leads to.
        all_users: every user of the host is mapped, as only root can.
    """

    root: str
    argv: list[str]
    env: dict[str, str]
    workdir: str
    uid: int
    gid: int
    hostname: str
    host_network: bool
    read_only: bool
    all_users: bool
    listeners: list[tuple[int, int]]


def main() -> None:
    """Make the sandbox that is described on one descriptor, and tell on another how that goes.

    The other one hears ``map``, answers, hears ``init PID``, then perhaps ``failed WHY`` or, of the program itself,
    ``absent WHY``; it is closed when the program has started.
    """
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        spec: Spec = json.load(file)
    control = socket.socket(fileno=int(sys.argv[2]))
    control.set_inheritable(False)
    # A terminal's interrupts come through `sandbox`, and nothing in here can type into it.
    os.setsid()
    os.umask(0o022)
    signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)
    try:
        _isolate(spec, control)
        if spec["listeners"]:
            _start_relay(spec["listeners"], control)
        # Only now: the relay is no process of the sandbox.
        _call("unshare", _NEWPID)
        init = os.fork()
    except OSError as error:
        _fail(control, error)
    if init == 0:
        _init(spec, control)
    control.send(f"init {init}".encode())
    control.close()
    _wait_for(init)


def _fail(control: socket.socket, error: OSError | KeyError) -> NoReturn:
    reason = error.strerror if isinstance(error, OSError) else f"unknown machine {error}"
    control.send(f"failed {reason}".encode())
    os._exit(FAILED)


def _isolate(spec: Spec, control: socket.socket) -> None:
    _call("unshare", _NEWUSER | _NEWIPC | _NEWUTS | (0 if spec["host_network"] else _NEWNET))
    # Later than unshare, which forgets it when it changes our rights.
    _die_with_parent()
    control.send(b"map")
    if control.recv(16) != b"mapped":
        os._exit(FAILED)
    if not spec["host_network"]:
        _loopback_up()
        # As in Docker: an ordinary user may use port 80.
        with contextlib.suppress(OSError):
            Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0")


def _call(name: str, *arguments: int | bytes | None) -> None:
    if getattr(_libc, name)(*arguments) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code).lower()}")


def _die_with_parent() -> None:
    _call("prctl", _PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        # struct ifreq (netdevice(7)): name, then flags IFF_UP | IFF_RUNNING for SIOCSIFFLAGS.
        fcntl.ioctl(link, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))


def _start_relay(listeners: list[tuple[int, int]], control: socket.socket) -> None:
    """Have connections carried in; a socket stays in the network in which it was made, so ours listen outside."""
    parent = os.getpid()
    if os.fork():
        for descriptor, _ in listeners:
            os.close(descriptor)
        return
    control.close()
    _die_with_parent()
    if os.getppid() != parent:
        os._exit(FAILED)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
    import asyncio  # noqa: PLC0415 - most sandboxes have no ports

    from nosh.outside import relay  # noqa: PLC0415 - most sandboxes have no ports

    asyncio.run(relay.serve([(socket.socket(fileno=descriptor), inner) for descriptor, inner in listeners]))
    os._exit(0)


def _wait_for(child: int) -> NoReturn:
    """Hand every signal on to a child until it ends, then end with its code."""
    for number in _FORWARDED:
        signal.signal(number, lambda received, _: _forward(child, received))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(128 - code if code < 0 else code)


def _forward(child: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)


def _init(spec: Spec, control: socket.socket) -> NoReturn:
    try:
        _die_with_parent()
        socket.sethostname(spec["hostname"])
        _enter(spec)
        program = os.fork()
    except (OSError, KeyError) as error:
        _fail(control, error)
    if program == 0:
        _execute(spec, control)
    control.close()
    _wait_for(program)


def _enter(spec: Spec) -> None:
    # Only now: a changed root is the root of every process that shares our mounts, and the relay needs the host's.
    _call("unshare", _NEWNS)
    _mount(None, "/", kind=None, flags=_REC | _PRIVATE)
    devices = {name: os.open(f"/dev/{name}", os.O_PATH) for name in _DEVICES if Path("/dev", name).exists()}
    resolver = _text("/etc/resolv.conf") if spec["host_network"] else ""
    lower = os.open(spec["root"], os.O_PATH | os.O_DIRECTORY)
    # The layer that programs write to is memory. It hides the image's folder, which stays open by its descriptor.
    _mount("tmpfs", spec["root"], kind="tmpfs", flags=_NOSUID, data="mode=0755")
    os.chdir(spec["root"])
    for folder in ("upper", "work", "root"):
        Path(folder).mkdir()
    status = os.fstat(lower)
    Path("upper").chmod(status.st_mode & 0o7777)
    if spec["all_users"]:
        os.chown("upper", status.st_uid, status.st_gid)
    layers = f"lowerdir=/proc/self/fd/{lower},upperdir=upper,workdir=work,userxattr"
    _mount("overlay", "root", kind="overlay", flags=_NOSUID, data=layers)
    os.chdir("root")
    # The image may bring Python modules of its own, which are not for us.
    sys.path.clear()
    # The old root now lies on the new one: absolute paths are the image's, "." leads to the old one.
    _call("syscall", _PIVOT_ROOT[os.uname().machine], b".", b".")
    for folder in ("/proc", "/dev", "/etc", spec["workdir"]):
        Path(folder).mkdir(parents=True, exist_ok=True)
    _mount("proc", "/proc", kind="proc", flags=_NOSUID | _NODEV | _NOEXEC)
    _devices(devices)
    _protect_proc()
    _names(spec["hostname"], resolver)
    _call("umount2", b".", _DETACH)
    os.chdir("/")
    if spec["read_only"]:
        _mount(None, "/", kind=None, flags=_REMOUNT | _BIND | _RDONLY | _NOSUID)


def _mount(source: str | None, target: str, *, kind: str | None, flags: int, data: str | None = None) -> None:
    words = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    try:
        _call("mount", *words[:3], flags, words[3])
    except OSError as error:
        raise OSError(error.errno, f"{kind or 'mount'} on {target}: {os.strerror(error.errno or 0).lower()}") from error


def _text(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def _devices(found: dict[str, int]) -> None:
    _mount("tmpfs", "/dev", kind="tmpfs", flags=_NOSUID, data="mode=0755")
    for name, descriptor in found.items():
        Path("/dev", name).touch()
        _mount(f"/proc/self/fd/{descriptor}", f"/dev/{name}", kind=None, flags=_BIND)
        os.close(descriptor)
    for name, target in _DEVICE_LINKS.items():
        Path("/dev", name).symlink_to(target)
    Path("/dev/shm").mkdir()  # noqa: S108 - the sandbox's own
    _mount("tmpfs", "/dev/shm", kind="tmpfs", flags=_NOSUID | _NODEV, data="mode=1777")  # noqa: S108 - the sandbox's own


def _protect_proc() -> None:
    for path in (f"/proc/{name}" for name in _PROC_READ_ONLY):
        if Path(path).exists():
            _mount(path, path, kind=None, flags=_BIND | _REC)
            _mount(None, path, kind=None, flags=_REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV | _NOEXEC)
    for path in (f"/proc/{name}" for name in _PROC_HIDDEN):
        if Path(path).exists():
            _mount("/dev/null", path, kind=None, flags=_BIND)


def _names(hostname: str, resolver: str) -> None:
    hosts = f"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n127.0.0.1\t{hostname}\n"
    for name, text in (("hosts", hosts), ("hostname", f"{hostname}\n"), ("resolv.conf", resolver)):
        if text:
            path = Path("/etc", name)
            path.unlink(missing_ok=True)
            path.write_text(text)
            path.chmod(0o644)


def _execute(spec: Spec, control: socket.socket) -> NoReturn:
    if not spec["argv"]:
        os._exit(0)
    program = spec["argv"][0]
    try:
        os.chdir(spec["workdir"])
        _drop_rights(spec)
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execvpe(program, spec["argv"], spec["env"])  # noqa: S606 - there is no shell to use
    except OSError as error:
        # Success closes our end: whoever listens knows from that.
        control.send(f"absent {program}: {(error.strerror or str(error)).lower()}".encode())
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def _drop_rights(spec: Spec) -> None:
    for capability in range(_last_capability() + 1):
        if capability not in _KEPT_CAPABILITIES:
            _call("prctl", _CAPBSET_DROP, capability, 0, 0, 0)
    if spec["all_users"]:
        os.setgroups([])
        os.setresgid(spec["gid"], spec["gid"], spec["gid"])
        os.setresuid(spec["uid"], spec["uid"], spec["uid"])
    _call("prctl", _NO_NEW_PRIVS, 1, 0, 0, 0)


def _last_capability() -> int:
    return int(_text("/proc/sys/kernel/cap_last_cap") or 40)


if __name__ == "__main__":
    main()
