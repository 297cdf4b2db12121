"""Starting programs, never through a shell, and ending only what was started."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from nosh.values.errors import ProcessError

Child = subprocess.Popen[bytes]
Write = Callable[[bytes], object]

_PAUSE = 0.02


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that has ended; its code is negative if a signal ended it."""

    argv: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True)
class Process:
    """A process that is not mistaken for a later one of the same number.

    Attributes:
        born: when it started, in ticks since the machine did (proc(5), `stat`, field 22).
    """

    pid: int
    born: int


def run(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    feed: Callable[[Write], object] | None = None,
    timeout: float = 600,
    check: bool = True,
) -> Finished:
    """Run a program to its end.

    Args:
        argv: the program and its arguments.
        cwd: where it runs; ours if left out.
        env: all of its variables; ours if left out.
        feed: writes its standard input; without it there is none.
        timeout: seconds; what takes longer is killed with every process of its group.
        check: failing is an error.

    Raises:
        ProcessError: it cannot be started, takes longer than `timeout` seconds or, with `check`, fails.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        stdin = subprocess.PIPE if feed else subprocess.DEVNULL
        try:
            child = subprocess.Popen(argv, cwd=cwd, env=env, stdin=stdin, stdout=output, stderr=errors, process_group=0)
        except OSError as error:
            raise _not_started(argv[0], error) from error
        with child, _whole_group(child):
            _feed(child, feed)
            try:
                child.wait(timeout)
            except subprocess.TimeoutExpired as error:
                raise ProcessError(f"cannot run {argv[0]}: it did not end within {timeout:.0f} seconds") from error
        done = Finished(tuple(argv), child.returncode, _contents(output), _contents(errors))
    if check and done.code:
        raise ProcessError(f"{Path(argv[0]).name} ended with {done.code}: {last_lines(done.stderr or done.stdout)}")
    return done


@contextlib.contextmanager
def _whole_group(child: Child) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        raise


def _feed(child: Child, feed: Callable[[Write], object] | None) -> None:
    if feed and child.stdin:
        # What stops reading has a reason, which its exit code and last words tell better.
        with contextlib.suppress(BrokenPipeError), child.stdin:
            feed(child.stdin.write)


def _contents(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _not_started(program: str, error: OSError) -> ProcessError:
    reason = error.strerror or str(error)
    hint = f"is {program} installed, and in PATH?" if isinstance(error, FileNotFoundError) else ""
    return ProcessError(f"cannot run {program}: {reason[:1].lower()}{reason[1:]}", hint=hint)


def last_lines(data: bytes, count: int = 5) -> str:
    """Return the last lines of what a program printed."""
    lines = data.decode("utf-8", "replace").strip().splitlines()
    return "\n".join(lines[-count:]) or "it says nothing"


def which(name: str, path: str) -> str:
    """Return where a program is among the folders of `path`, or nothing."""
    return shutil.which(name, path=path) or ""


def attached(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> int:
    """Run a program on our own terminal, hand our signals on to it, and return its exit code.

    Raises:
        ProcessError: it cannot be started.
    """
    try:
        child = subprocess.Popen(argv, env=env)
    except OSError as error:
        raise _not_started(argv[0], error) from error
    # A terminal sends its interrupts to the program as well: it must not get them twice.
    ours = (signal.SIGTERM, signal.SIGHUP) if os.isatty(0) else (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    with handling(signal.SIGINT, lambda _: None), contextlib.ExitStack() as stack:
        for number in ours:
            stack.enter_context(handling(number, child.send_signal))
        code = child.wait()
    return 128 - code if code < 0 else code


@contextlib.contextmanager
def handling(number: int, handler: Callable[[int], object]) -> Iterator[None]:
    """Have a function called for a signal while inside."""

    def handle(received: int, _: FrameType | None) -> None:
        handler(received)

    before = signal.signal(number, handle)
    try:
        yield
    finally:
        signal.signal(number, before)


def start(
    argv: Sequence[str], *, pass_on: Sequence[int] = (), output: int | None = None, session: bool = False
) -> Child:
    """Start a program that runs beside us.

    Args:
        argv: the program and its arguments.
        pass_on: descriptors that it gets, under the same numbers.
        output: where its output goes, and then it has no input; without it all three are ours.
        session: make it the leader of a session of its own, so that it can outlive us.

    Raises:
        ProcessError: it cannot be started.
    """
    stdin = None if output is None else subprocess.DEVNULL
    try:
        return subprocess.Popen(
            argv, stdin=stdin, stdout=output, stderr=output, pass_fds=pass_on, start_new_session=session
        )
    except OSError as error:
        raise _not_started(argv[0], error) from error


def identify(pid: int) -> Process | None:
    """Return the process of that number, or None if there is none or it has ended."""
    try:
        fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else Process(pid, int(fields[19]))


def alive(process: Process) -> bool:
    """Whether a process has not ended yet."""
    return identify(process.pid) == process


def terminate(process: Process, grace: float) -> None:
    """End a process that need not be our child: it is asked to, and killed after `grace` seconds."""
    for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            if alive(process):
                os.kill(process.pid, number)
        if wait_for(lambda: not alive(process), seconds):
            return


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds; say whether it did in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(_PAUSE)
    return True
