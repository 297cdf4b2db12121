"""The sandbox runs programs on an image's files: as its user, apart from the host, and to their end."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypedDict

import pytest
from tests.outside.conftest import Stage
from tests.simulators import python_root

from nosh.outside import ports, process, sandbox
from nosh.outside.ports import Port
from nosh.outside.sandbox import Launch
from nosh.values.errors import EngineError

# Run as the stage's user: what a program of ours does with a sandbox, in a process of its own.
RUN = """
import json, sys
from nosh.outside import sandbox, sandbox_watch
from nosh.outside.ports import Port
from nosh.outside.sandbox import Launch
from nosh.values.errors import Error
from pathlib import Path
verb, document, *words = json.load(sys.stdin)
if document:
    ports = tuple(Port(*port) for port in document.pop("ports"))
    launch = Launch(**{**document, "argv": tuple(document["argv"]), "ports": ports})
try:
    if verb == "run":
        sys.exit(sandbox.run(launch))
    if verb == "start":
        sandbox_watch.start(launch, words[0], Path(words[1]))
    if verb == "stop":
        sandbox_watch.stop(words[0], Path(words[1]), grace=words[2])
    if verb == "state":
        state = sandbox_watch.state(words[0], Path(words[1]))
        print(json.dumps(state and [state.code, state.log, state.init.pid]))
except Error as error:
    sys.exit(f"{error.message} | {error.hint}")
"""


class Options(TypedDict, total=False):
    env: dict[str, str]
    workdir: str
    uid: int
    gid: int
    ports: tuple[Port, ...]
    host_network: bool
    read_only: bool
    hostname: str
    stop_signal: int


def popen(stage: Stage, verb: str, launch: Launch | None, *words: object) -> "subprocess.Popen[str]":
    document = asdict(launch) if launch else {}
    if launch:
        document["ports"] = [(port.host, port.inner, port.address) for port in launch.ports]
    child = subprocess.Popen(
        [stage.python, "-W", "error", "-c", RUN],
        env=stage.environment, user=stage.user, group=stage.user, cwd="/",
        extra_groups=None if stage.user is None else [],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdin
    child.stdin.write(json.dumps([verb, document, *words]))
    child.stdin.close()
    child.stdin = None
    return child


def launch_of(stage: Stage, code: str, options: Options) -> Launch:
    return Launch(str(stage.root), (*stage.argv, code), **options)


def begin(stage: Stage, code: str, options: Options) -> "subprocess.Popen[str]":
    return popen(stage, "run", launch_of(stage, code, options))


def call(stage: Stage, verb: str, launch: Launch | None, *words: object) -> "subprocess.CompletedProcess[str]":
    with popen(stage, verb, launch, *words) as child:
        stdout, stderr = child.communicate(timeout=60)
    return subprocess.CompletedProcess(verb, child.returncode, stdout, stderr)


def run(stage: Stage, code: str, options: Options | None = None) -> "subprocess.CompletedProcess[str]":
    return call(stage, "run", launch_of(stage, code, options or {}))


@dataclass(frozen=True)
class Case:
    """Python code on the root; what it prints has to be `out`."""

    code: str
    out: str
    options: Options = field(default_factory=Options)
    exit: int = 0


TRY_WRITE = """
import sys
def writes(path):
    try:
        open(path, "w").write("x")
    except OSError as error:
        return error.strerror
    return "written"
"""
CASES = {
    "the exit code is the program's": Case("import sys; sys.exit(7)", "", exit=7),
    "a signal that ends it is 128 more": Case("import os; os.kill(os.getpid(), 15)", "", exit=143),
    "user and group are the image's": Case(
        "import os; print(os.getresuid(), os.getresgid())",
        "(65532, 65532, 65532) (65531, 65531, 65531)\n",
        {"uid": 65532, "gid": 65531},
    ),
    "root is root": Case("import os; print(os.getuid(), os.getgid())", "0 0\n"),
    "the environment is what is given, and nothing of ours": Case(
        "import os; print(sorted(os.environ.items()))",
        "[('A', 'b c'), ('LC_CTYPE', 'C')]\n",
        {"env": {"A": "b c", "LC_CTYPE": "C"}},
    ),
    "an environment may be large": Case(
        "import os; print(sum(map(len, os.environ.values())))",
        "1500000\n",
        {"env": {f"V{number}": "x" * 100_000 for number in range(14)} | {"LC_CTYPE": "C" * 100_000}},
    ),
    "the working folder is the image's, and made if it is missing": Case(
        "import os; print(os.getcwd(), os.listdir())", "/srv/app []\n", {"workdir": "/srv/app"}
    ),
    "the program is not process 1": Case("import os; print(os.getpid(), os.getppid())", "2 1\n"),
    "it sees no process of the host": Case(
        "import os; print(sorted(n for n in os.listdir('/proc') if n.isdigit()))", "['1', '2']\n"
    ),
    "its umask is the usual one": Case("import os; print(oct(os.umask(0)))", "0o22\n"),
    "it starts with no signal blocked or ignored": Case(
        "import signal\n"
        "print(signal.pthread_sigmask(0, ()), [n for n in (1, 2, 15, 10) if signal.getsignal(n) == signal.SIG_IGN])",
        "set() []\n",
    ),
    "it has no descriptor of ours": Case(
        "import os; print([n for n in os.listdir('/proc/self/fd') if int(n) > 2 and os.path.exists('/proc/self/fd/' + n)])",
        "[]\n",
    ),
    "nothing of the host is mounted": Case(
        "rows = [l.split() for l in open('/proc/self/mounts')]\n"
        "print(sorted((row[1], row[2]) for row in rows if not row[1].startswith(('/dev/', '/proc/'))))",
        "[('/', 'overlay'), ('/dev', 'tmpfs'), ('/proc', 'proc')]\n",
    ),
    "loopback is up and nothing else is there": Case(
        "import socket\n"
        "s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname())\n"
        "print([name for _, name in socket.if_nameindex()])\n"
        "try: socket.create_connection(('192.0.2.1', 80), timeout=1)\n"
        "except OSError as e: print(e.strerror)\n",
        "['lo']\nNetwork is unreachable\n",
    ),
    "an ordinary user may use port 80": Case(
        "import socket; print(socket.create_server(('0.0.0.0', 80)).getsockname()[1])",
        "80\n",
        {"uid": 1000, "gid": 1000},
    ),
    "names are known": Case(
        "import socket; print(socket.gethostname(), open('/etc/hostname').read().strip(), 'localhost' in open('/etc/hosts').read())",
        "web web True\n",
        {"hostname": "web"},
    ),
    "devices work": Case(
        "import stat, os\n"
        "print(len(open('/dev/urandom', 'rb').read(3)), open('/dev/zero', 'rb').read(2), open('/dev/null', 'w').write('x'))\n"
        "print(oct(stat.S_IMODE(os.stat('/dev/shm').st_mode)), os.readlink('/dev/fd'), sorted(os.listdir('/dev')))",
        "3 b'\\x00\\x00' 1\n0o1777 /proc/self/fd "
        "['fd', 'full', 'null', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'tty', 'urandom', 'zero']\n",
    ),
    "output can be opened again": Case(
        "import os; r, w = os.pipe(); o = os.dup(1); os.dup2(w, 1); open('/dev/stdout', 'w').write('again\\n')\n"
        "os.write(o, os.read(r, 9))",
        "again\n",
    ),
    "what it writes is thrown away": Case(
        TRY_WRITE
        + "import os; os.makedirs('/tmp/a', exist_ok=True); print(writes('/new'), writes('/tmp/a/b'), writes('/etc/hosts'))",
        "written written written\n",
    ),
    "read-only means everything but shared memory": Case(
        TRY_WRITE + "print(writes('/new'), '|', writes('/etc/hosts'), '|', writes('/dev/shm/x'))",
        "Read-only file system | Read-only file system | written\n",
        {"read_only": True},
    ),
    "the kernel's settings cannot be changed": Case(
        TRY_WRITE + "print(writes('/proc/sys/kernel/core_pattern'), '|', writes('/proc/sys/kernel/hostname'))",
        "Read-only file system | Read-only file system\n",
    ),
    "nothing can be mounted, not even by root": Case(
        "import ctypes, os\n"
        "c = ctypes.CDLL(None, use_errno=True)\n"
        "print(c.mount(b'none', b'/dev', b'tmpfs', 0, None), os.strerror(ctypes.get_errno()))\n"
        "print(c.umount2(b'/proc/sys', 2), os.strerror(ctypes.get_errno()))",
        "-1 Operation not permitted\n-1 Operation not permitted\n",
    ),
    "our own environment cannot be read through process 1": Case(
        "for name in ('environ', 'maps', 'root/etc'):\n"
        "    try: open('/proc/1/' + name).read(); print(name)\n"
        "    except OSError as e: print(e.strerror)",
        "Permission denied\n" * 3,
    ),
    "no right can be won": Case(
        "print([l.split()[1] for l in open('/proc/self/status') if l.startswith('NoNewPrivs')])", "['1']\n"
    ),
    "the host's files are not there": Case(
        "import os; print(os.path.exists(os.environ['P']))", "False\n", {"env": {"P": __file__, "LC_CTYPE": "C"}}
    ),
    "with the host's network it has the host's": Case(
        "import os, socket; socket.create_connection(('127.0.0.1', int(os.environ['PORT']))); print('met')",
        "met\n",
        {"host_network": True, "env": {"PORT": "LISTENING", "LC_CTYPE": "C"}},
    ),
}


@pytest.mark.parametrize("summary", CASES)
def test_matrix(stage: Stage, summary: str) -> None:
    case = CASES[summary]
    options = case.options.copy()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        options["env"] = {key: port if value == "LISTENING" else value for key, value in options.get("env", {}).items()}
        before = listing(stage.root)
        done = run(stage, case.code, options)
    assert (done.stdout, done.returncode) == (case.out, case.exit), done.stderr
    assert listing(stage.root) == before, "the image's files are not changed"


def listing(root: Path) -> list[tuple[str, int, int]]:
    return [(str(path), path.lstat().st_mode, path.lstat().st_mtime_ns) for path in sorted(root.rglob("*"))]


FAILURES: dict[str, tuple[Sequence[str], str]] = {
    "a missing program": (("/no/such",), "cannot start /no/such: no such file or directory | the image has only"),
    "a missing program, by name": (("node",), "cannot start node: no such file or directory | the image has only"),
    "a folder": (("/etc",), "cannot start /etc: permission denied | "),
}


@pytest.mark.parametrize("summary", FAILURES)
def test_what_cannot_start_is_an_error_of_ours(stage: Stage, summary: str) -> None:
    argv, message = FAILURES[summary]
    done = call(stage, "run", Launch(str(stage.root), tuple(argv), {"PATH": "/bin"}))
    assert done.returncode == 1
    assert message in done.stderr


def test_a_root_that_is_not_there(stage: Stage) -> None:
    done = call(stage, "run", Launch("/no/such/root", ("/x",)))
    assert "cannot make a sandbox: no such file or directory" in done.stderr.lower()


def test_links_in_an_image_do_not_lead_to_the_host(stage: Stage) -> None:
    victim = stage.state / "victim"
    victim.mkdir(exist_ok=True)
    victim.chmod(0o777)
    (victim / "hosts").write_text("kept")
    (victim / "hosts").chmod(0o666)
    hostile = {"etc": f"{victim}", "dev": f"{victim}", "proc": "dev/../proc2", "proc2": "real-proc"}
    etc = stage.root / "etc"
    assert not etc.exists(), "else this test has to keep it"
    for name, target in hostile.items():
        (stage.root / name).symlink_to(target)
    try:
        done = run(stage, "print('ran')", {"host_network": True, "workdir": "/etc/work"})
    finally:
        for name in hostile:
            (stage.root / name).unlink()
    assert [path.name for path in victim.iterdir()] == ["hosts"]
    assert (victim / "hosts").read_text() == "kept"
    assert done.returncode, "such an image is refused or runs; its links are never followed to the host"


SIGNALLED = """
import os, signal, time
def end(number, frame):
    # Not print: the signal may come while the other one is still printing.
    os.write(1, f"got {signal.Signals(number).name}\\n".encode())
    os._exit(3)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH):
    signal.signal(number, end)
os.write(1, b"ready\\n")
time.sleep(60)
"""


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGQUIT, signal.SIGWINCH])
def test_signals_reach_the_program_as_its_stop_signal(stage: Stage, sent: signal.Signals, stop: signal.Signals) -> None:
    with begin(stage, SIGNALLED, {"stop_signal": stop}) as child:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        child.send_signal(sent)
        out, err = child.communicate(timeout=10)
        assert (out, child.returncode) == (f"got {stop.name}\n", 3), err


def test_default_actions_hold(stage: Stage) -> None:
    with begin(stage, "import time; print('ready', flush=True); time.sleep(60)", {}) as child:
        assert child.stdout
        child.stdout.readline()
        began = time.monotonic()
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 143
        assert time.monotonic() - began < 3


DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"


TERMINAL = """
import signal, sys, time
signal.signal(signal.SIGQUIT, lambda *_: sys.exit(3))
try:
    open("/dev/tty")
    print("types into the terminal", flush=True)
except OSError as error:
    print(sys.stdout.isatty(), error.strerror, flush=True)
time.sleep(60)
"""


def test_a_terminal_is_shown_but_not_handed_over() -> None:
    ours, theirs = os.openpty()
    root = Path(tempfile.mkdtemp(prefix="nosh-test-"))
    launch = Launch(str(root), (*python_root.make(root), TERMINAL), stop_signal=signal.SIGQUIT)
    child = os.fork()
    if child == 0:
        os.login_tty(theirs)
        os._exit(sandbox.run(launch))
    os.close(theirs)
    try:
        assert read_line(ours) == "True No such device or address"
        os.write(ours, b"\x03")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3, "Ctrl-C asks the program to stop"
    finally:
        os.close(ours)
        shutil.rmtree(root)


def read_line(descriptor: int) -> str:
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(descriptor, 1)
    return line.decode().strip()


def test_a_second_signal_kills(stage: Stage) -> None:
    with begin(stage, DEAF, {}) as child:
        assert child.stdout
        child.stdout.readline()
        child.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.5)
        assert child.poll() is None
        child.send_signal(signal.SIGINT)
        assert child.wait(5) == 137


# A daemon that left its parent, and one in a session of its own: neither may survive.
FAMILY = """
import os, signal, sys, time
for number in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(15, signal.SIG_IGN)
            time.sleep(600)
        os._exit(0)
print("ready", flush=True)
time.sleep(600)
"""


def ours(stage: Stage) -> set[int]:
    """Return the processes that have to do with a stage's root."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (path / "cmdline").read_bytes()
            if b"sandbox_init" in command or b"sandbox_watch" in command or FAMILY[:40].encode() in command:
                owner = path.stat().st_uid
                if owner == (stage.user or os.geteuid()):
                    found.add(int(path.name))
    return found


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_the_runner(stage: Stage, end: signal.Signals) -> None:
    before = ours(stage)
    with begin(stage, FAMILY, {"ports": (Port(ports.free_port(), 80),)}) as child:
        assert child.stdout
        child.stdout.readline()
        assert len(ours(stage) - before) >= 5
        child.send_signal(end)
        child.wait(15)
    assert process.wait_for(lambda: not ours(stage) - before, 5)


SERVER = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.environ["NAME"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("0.0.0.0", 3000), Handler).serve_forever()
"""


def get(port: int) -> str:
    def answered() -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        return False

    assert process.wait_for(answered, 5)
    end = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as response:
                return str(response.read().decode())
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


@contextlib.contextmanager
def detached(
    stage: Stage, name: str, code: str, options: Options
) -> Iterator[Callable[[float], "subprocess.CompletedProcess[str]"]]:
    started = call(stage, "start", launch_of(stage, code, options), name, str(stage.state))
    assert started.returncode == 0, started.stderr
    stopped = False

    def stop(grace: float) -> "subprocess.CompletedProcess[str]":
        nonlocal stopped
        stopped = True
        return call(stage, "stop", None, name, str(stage.state), grace)

    try:
        yield stop
    finally:
        if not stopped:
            stop(0)


def test_several_sandboxes_use_the_same_inner_port(stage: Stage) -> None:
    before = ours(stage)
    one, two = ports.free_port(), ports.free_port()
    with (
        detached(stage, "one", SERVER, {"ports": (Port(one, 3000),), "env": {"NAME": "first"}}) as stop_one,
        detached(stage, "two", SERVER, {"ports": (Port(two, 3000),), "env": {"NAME": "second"}}) as stop_two,
    ):
        assert [get(one), get(two), get(one)] == ["first", "second", "first"]
        assert stop_one(5).returncode == 0
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", one), 1)
        assert get(two) == "second"
        assert stop_two(5).returncode == 0
    assert process.wait_for(lambda: not ours(stage) - before, 5)
    assert [path.name for path in stage.state.iterdir() if path.name not in {"lock", "victim"}] == []


ECHO = """
import socket
server = socket.create_server(("0.0.0.0", 3000), backlog=64)
while True:
    one, _ = server.accept()
    data = b""
    while part := one.recv(65536):
        data += part
    one.sendall(data[::-1])
    one.close()
"""


def test_much_goes_both_ways_and_one_side_may_end_first(stage: Stage) -> None:
    number = ports.free_port()
    data = os.urandom(5_000_000)
    with detached(stage, "echo", ECHO, {"ports": (Port(number, 3000),)}):
        assert process.wait_for(lambda: exchange(number, b"ab") == b"ba", 5)
        assert exchange(number, data) == data[::-1]


def exchange(number: int, data: bytes) -> bytes:
    received = b""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", number), 10) as link:
        link.sendall(data)
        link.shutdown(socket.SHUT_WR)
        while part := link.recv(1 << 20):
            received += part
    return received


def test_a_port_leads_only_where_it_was_asked_to(stage: Stage) -> None:
    number = ports.free_port()
    with detached(stage, "local", SERVER, {"ports": (Port(number, 3000),), "env": {"NAME": "x"}}):
        assert get(number) == "x"
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", number), 1)
    with detached(stage, "wide", SERVER, {"ports": (Port(number, 3000, "0.0.0.0"),), "env": {"NAME": "x"}}):
        assert get(number) == "x"
        socket.create_connection(("127.0.0.2", number), 1).close()


def test_a_port_nobody_listens_to_inside_is_closed(stage: Stage) -> None:
    number = ports.free_port()
    with (
        detached(stage, "silent", "import time; time.sleep(60)", {"ports": (Port(number, 3000),)}),
        socket.create_connection(("127.0.0.1", number), 5) as link,
        contextlib.suppress(ConnectionResetError),
    ):
        assert link.recv(1) == b""


@pytest.mark.parametrize("verb", ["run", "start"])
def test_a_port_in_use_is_named_and_another_offered(stage: Stage, verb: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        launch = launch_of(stage, "print('ran')", {"ports": (Port(number, 3000),)})
        done = call(stage, verb, launch, "busy", str(stage.state))
    assert done.returncode == 1
    assert f"cannot use port {number}: address already in use | port " in done.stderr
    offered = int(done.stderr.partition("| port ")[2].split()[0])
    ports.listen(Port(offered, 1)).close()
    assert not (stage.state / "busy.json").exists()


def test_detached_output_code_and_name(stage: Stage) -> None:
    code = "import sys, time; print('said', flush=True); time.sleep(0.5); sys.exit(5)"
    with detached(stage, "short", code, {}) as stop:
        again = call(stage, "start", launch_of(stage, code, {}), "short", str(stage.state))
        assert "cannot start short: it is running | nosh stop short" in again.stderr

        def state() -> list[object]:
            return list(json.loads(call(stage, "state", None, "short", str(stage.state)).stdout))

        assert state()[0] is None
        assert process.wait_for(lambda: state()[0] is not None, 10)
        assert state()[:2] == [5, "said\n"]
        assert (stage.state / "short.log").stat().st_mode & 0o77 == 0, "programs print secrets"
        assert (
            call(
                stage, "start", launch_of(stage, "import time; time.sleep(60)", {}), "short", str(stage.state)
            ).returncode
            == 0
        )
        assert stop(5).returncode == 0
    assert (
        "cannot stop short: no sandbox of that name" in call(stage, "stop", None, "short", str(stage.state), 1).stderr
    )


def test_a_detached_program_that_cannot_start_is_told_at_once(stage: Stage) -> None:
    done = call(stage, "start", Launch(str(stage.root), ("/no/such",)), "absent", str(stage.state))
    assert "cannot start /no/such: no such file or directory | the image" in done.stderr
    assert [path.name for path in stage.state.iterdir() if path.name.startswith("absent")] == []


@pytest.mark.parametrize("name", ["../x", "", ".hidden", "a/b", "a b", "x" * 64])
def test_names_stay_in_their_folder(stage: Stage, name: str) -> None:
    done = call(stage, "start", launch_of(stage, "print(1)", {}), name, str(stage.state))
    assert "cannot name a sandbox" in done.stderr


def test_stop_kills_what_does_not_listen(stage: Stage) -> None:
    before = ours(stage)
    with detached(stage, "deaf", DEAF, {}) as stop:
        assert process.wait_for(lambda: "ready" in (stage.state / "deaf.log").read_text(), 5)
        began = time.monotonic()
        assert stop(0.5).returncode == 0
        assert 0.5 <= time.monotonic() - began < 5
    assert process.wait_for(lambda: not ours(stage) - before, 5)


def test_a_killed_watcher_takes_its_sandbox_along(stage: Stage) -> None:
    before = ours(stage)
    with detached(stage, "orphan", FAMILY, {}):
        watcher = json.loads((stage.state / "orphan.json").read_text())["watcher"][0]
        os.kill(watcher, signal.SIGKILL)
        assert process.wait_for(lambda: not ours(stage) - before, 5)
        assert json.loads(call(stage, "state", None, "orphan", str(stage.state)).stdout)[0] == 137


def test_secrets_are_in_no_file_and_no_argument(stage: Stage) -> None:
    secret = "s3cr3t-in-the-environment"
    with detached(stage, "secret", "import time; time.sleep(60)", {"env": {"TOKEN": secret}}):
        for path in stage.state.rglob("*"):
            assert path.is_dir() or secret.encode() not in path.read_bytes(), path
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                assert secret.encode() not in path.read_bytes() or b"pytest" in path.read_bytes(), path


def test_check_makes_a_sandbox() -> None:
    sandbox.check()


# A filter like those of container engines (seccomp(2)): unshare is not permitted, all else is.
FORBID = """
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
number = {"x86_64": 272, "aarch64": 97}[os.uname().machine]
code = b"".join(struct.pack("HBBI", *words) for words in [
    (0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)
])
buffer = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
from nosh.outside import sandbox
from nosh.values.errors import EngineError
try:
    sandbox.check()
except EngineError as error:
    print(error.message, "|", error.hint)
"""


def test_check_says_why_not() -> None:
    done = subprocess.run([sys.executable, "-c", FORBID], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("cannot make a sandbox: unshare: operation not permitted | "), done.stderr
    assert len(done.stdout.split(" | ")[1]) > 20


def test_the_hosts_root_is_no_image() -> None:
    with pytest.raises(EngineError, match="cannot make a sandbox of /"):
        sandbox.run(Launch("/", ("/bin/true",)))
