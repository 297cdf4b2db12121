"""Runs inside a sandbox that is being made: namespaces, mounts, then the program as the image's user.

It is started as a process of its own by `sandbox`, talks to it over an inherited socket, and becomes three: the outer
one stays in the sandbox's network and connects to its ports, the inner one is process 1 of the sandbox and reaps, and
its child is the program (namespaces(7), user_namespaces(7), pivot_root(2)).
"""

import array
import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = (
    0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
_DETACH = 2
_PDEATHSIG, _NO_NEW_PRIVS = 1, 38
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217, "armv7l": 218}
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_HOSTS = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n"
FAILED = 125

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Spec:
    """What to run; `scratch` is an empty folder to mount things on."""

    root: str
    scratch: str
    argv: list[str]
    env: dict[str, str]
    workdir: str
    uid: int
    gid: int
    host_network: bool
    hostname: str
    privileged: bool


def main() -> None:
    """Build the sandbox that the socket on the given descriptor describes, and run its program."""
    control = socket.socket(fileno=int(sys.argv[1]))
    spec = Spec(**json.loads(control.recv(1 << 20)))
    try:
        _isolate(spec, control)
        init = os.fork()
        if init == 0:
            control.close()
            os._exit(_init(spec))
    except OSError as error:
        control.send(f"failed {error}".encode())
        os._exit(FAILED)
    control.send(b"started")
    os._exit(_connect_and_wait(control, init))


def _isolate(spec: Spec, control: socket.socket) -> None:
    _call("prctl", _PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    flags = _NEWUSER | _NEWNS | _NEWPID | _NEWIPC | _NEWUTS | (0 if spec.host_network else _NEWNET)
    _call("unshare", flags)
    control.send(b"mapme")
    if control.recv(16) != b"mapped":
        raise OSError("no user of this machine could be mapped")
    if spec.privileged:
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
    if not spec.host_network:
        _loopback_up()


def _call(name: str, *arguments: int | bytes | None) -> None:
    if getattr(_libc, name)(*arguments) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        # struct ifreq (netdevice(7)): name, then flags IFF_UP | IFF_RUNNING for SIOCSIFFLAGS.
        fcntl.ioctl(link, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))


def _init(spec: Spec) -> int:
    try:
        _call("prctl", _PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        _mounts(spec)
        program = os.fork()
        if program == 0:
            _exec(spec)
    except OSError as error:
        sys.stderr.write(f"nosh: cannot set up the sandbox: {error}\n")
        return FAILED
    for number in (
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
    ):
        signal.signal(number, lambda received, _: _forward(program, received))
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == program:
            return _code(status)


def _forward(program: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(program, number)


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    words = [text.encode() if text is not None else None for text in (source, target, kind, data)]
    try:
        _call("mount", words[0], words[1], words[2], flags, words[3])
    except OSError as error:
        raise OSError(error.errno, f"mount on {target}: {error.strerror}") from error


def _mounts(spec: Spec) -> None:
    _mount(None, "/", None, _REC | _PRIVATE)
    _mount("tmpfs", spec.scratch, "tmpfs", _NOSUID, "mode=0755")
    upper, work, root = (f"{spec.scratch}/{name}" for name in ("upper", "work", "root"))
    for folder in (upper, work, root):
        Path(folder).mkdir()
    # The layer that programs write to is memory: it is gone with the sandbox.
    _mount("overlay", root, "overlay", _NOSUID, f"lowerdir={spec.root},upperdir={upper},workdir={work},userxattr")
    _devices(root)
    for folder in ("proc", "etc"):
        Path(root, folder).mkdir(exist_ok=True)
    _mount("proc", f"{root}/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
    _names(spec, root)
    os.chdir(root)
    number = _PIVOT_ROOT[os.uname().machine]
    _call("syscall", number, b".", b".")
    _call("umount2", b".", _DETACH)
    os.chdir("/")


def _devices(root: str) -> None:
    folder = f"{root}/dev"
    Path(folder).mkdir(exist_ok=True)
    _mount("tmpfs", folder, "tmpfs", _NOSUID, "mode=0755")
    for name in _DEVICES:
        if Path("/dev", name).exists():
            Path(folder, name).touch()
            _mount(f"/dev/{name}", f"{folder}/{name}", None, _BIND)
    for name, target in (
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ):
        Path(folder, name).symlink_to(target)
    Path(folder, "shm").mkdir()
    _mount("tmpfs", f"{folder}/shm", "tmpfs", _NOSUID | _NODEV, "mode=1777")


def _names(spec: Spec, root: str) -> None:
    hosts = Path(root, "etc/hosts")
    if not hosts.exists():
        hosts.write_text(_HOSTS)
    resolver = Path("/etc/resolv.conf")
    if spec.host_network and resolver.exists():
        Path(root, "etc/resolv.conf").write_text(resolver.read_text())
    socket.sethostname(spec.hostname)


def _exec(spec: Spec) -> None:
    try:
        if spec.privileged:
            os.setgroups([])
            os.setresgid(spec.gid, spec.gid, spec.gid)
            os.setresuid(spec.uid, spec.uid, spec.uid)
        os.umask(0o022)
        os.chdir(spec.workdir or "/")
        _call("prctl", _NO_NEW_PRIVS, 1, 0, 0, 0)
        for number in (signal.SIGPIPE, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(spec.argv[0], spec.argv, spec.env)
    except OSError as error:
        sys.stderr.write(f"nosh: cannot start {spec.argv[0]}: {error.strerror}\n")
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def _connect_and_wait(control: socket.socket, init: int) -> int:
    for number in (
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
    ):
        signal.signal(number, lambda received, _: _forward(init, received))
    if os.fork() == 0:
        # This process ends when the socket does; the other one waits for the sandbox.
        _call("prctl", _PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _connect(control)
        os._exit(0)
    control.close()
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == init:
            return _code(status)


def _connect(control: socket.socket) -> None:
    while request := control.recv(16):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as inner:
            try:
                inner.connect(("127.0.0.1", int(request)))
            except OSError as error:
                control.send(f"refused {error.strerror}".encode())
            else:
                handed = array.array("i", [inner.fileno()])
                control.sendmsg([b"connected"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handed)])


if __name__ == "__main__":
    main()
