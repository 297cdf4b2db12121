"""Starting programs, never through a shell."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nosh.values.errors import ProcessError


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that has ended."""

    argv: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes


def run(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 600,
    check: bool = True,
) -> Finished:
    """Run a program to its end.

    Raises:
        ProcessError: it cannot be started, takes longer than `timeout` seconds or, with `check`, fails.
    """
    try:
        done = subprocess.run(
            argv, cwd=cwd, env=env, timeout=timeout, check=False, capture_output=True, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise ProcessError(f"cannot run {argv[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ProcessError(f"cannot run {argv[0]}: it did not end within {timeout:.0f} seconds") from error
    if check and done.returncode:
        lines = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
        last = "\n".join(lines[-5:]) or "it says nothing"
        raise ProcessError(f"{Path(argv[0]).name} ended with {done.returncode}: {last}")
    return Finished(tuple(argv), done.returncode, done.stdout, done.stderr)


def attached(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> int:
    """Run a program on our own terminal and return its exit code; interrupts are its to handle.

    Raises:
        ProcessError: it cannot be started.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = subprocess.Popen(argv, env=env, preexec_fn=_default_interrupt)  # noqa: PLW1509 - no thread runs yet
        return child.wait()
    except OSError as error:
        raise ProcessError(f"cannot run {argv[0]}: {error.strerror}") from error
    finally:
        signal.signal(signal.SIGINT, before)


def _default_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
