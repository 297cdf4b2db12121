"""Programs are started without a shell, fail with their own words, and are ended whole."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nosh.outside import process
from nosh.outside.process import Process
from nosh.values.errors import ProcessError

PYTHON = sys.executable
SLEEP = (PYTHON, "-c", "import time; time.sleep(60)")


def test_output_code_and_words_are_kept_apart() -> None:
    code = "import sys; print('out', sys.argv[1]); print('err', file=sys.stderr); sys.exit(3)"
    done = process.run((PYTHON, "-c", code, "a b; $(c)"), check=False)
    assert (done.code, done.stdout, done.stderr) == (3, b"out a b; $(c)\n", b"err\n")


def test_its_environment_is_what_is_given() -> None:
    done = process.run((PYTHON, "-I", "-c", "import os; print(sorted(os.environ))"), env={"ONE": "1", "LC_ALL": "C"})
    assert done.stdout == b"['LC_ALL', 'ONE']\n"


def test_there_is_no_input_unless_it_is_fed() -> None:
    echo = (PYTHON, "-c", "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])")
    assert process.run(echo).stdout == b""
    large = bytes(range(256)) * 40_000
    assert process.run(echo, feed=lambda write: [write(large), write(b"end")]).stdout == b"dne" + large[::-1]


def test_who_stops_reading_is_asked_why() -> None:
    argv = (PYTHON, "-c", "import sys; sys.stdin.close(); sys.exit('enough')")
    with pytest.raises(ProcessError, match="ended with 1: enough"):
        process.run(argv, feed=lambda write: [write(bytes(1 << 20)) for _ in range(20)])


def test_failure_shows_the_last_lines() -> None:
    code = "import sys; [print('line', n, file=sys.stderr) for n in range(9)]; sys.exit(4)"
    with pytest.raises(ProcessError) as caught:
        process.run((PYTHON, "-c", code))
    assert caught.value.message.endswith("ended with 4: line 4\nline 5\nline 6\nline 7\nline 8")


def test_a_missing_program_is_named() -> None:
    with pytest.raises(ProcessError, match="cannot run no-such-program: no such file") as caught:
        process.run(("no-such-program",))
    assert "PATH" in caught.value.hint


def test_a_slow_program_is_killed_with_its_children(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        f"import subprocess, sys; c = subprocess.Popen({SLEEP!r}); open({str(note)!r}, 'w').write(str(c.pid)); c.wait()"
    )
    began = time.monotonic()
    with pytest.raises(ProcessError, match="within 1 seconds"):
        process.run((PYTHON, "-c", code), timeout=1)
    assert time.monotonic() - began < 5
    child = int(note.read_text())
    assert process.wait_for(lambda: process.identify(child) is None, 5)


def test_which_looks_only_where_it_is_told(tmp_path: Path) -> None:
    program = tmp_path / "tool"
    program.write_text("")
    assert process.which("tool", str(tmp_path)) == ""
    program.chmod(0o755)
    assert process.which("tool", str(tmp_path)) == str(program)
    assert process.which("tool", "/nowhere") == ""


def test_identity_survives_neither_the_end_nor_another_birth() -> None:
    child = subprocess.Popen(SLEEP)
    known = process.identify(child.pid)
    assert known
    assert process.alive(known)
    assert not process.alive(Process(known.pid, known.born + 1)), "a number that was used again"
    process.terminate(known, 5)
    assert not process.alive(known), "a process that ended but was not waited for is gone, too"
    assert child.wait() == -signal.SIGTERM


def test_what_was_not_started_is_not_killed() -> None:
    with subprocess.Popen(SLEEP) as child:
        known = process.identify(child.pid)
        assert known
        process.terminate(Process(known.pid, known.born - 1), 0)
        assert child.poll() is None
        child.kill()


def test_what_does_not_listen_is_killed_after_its_grace() -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('x', flush=True); time.sleep(60)"
    with subprocess.Popen((PYTHON, "-c", code), stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        known = process.identify(child.pid)
        assert known
        began = time.monotonic()
        process.terminate(known, 0.5)
        assert 0.5 <= time.monotonic() - began < 3
        assert child.wait() == -signal.SIGKILL


ATTACHED = "import sys; from nosh.outside import process; sys.exit(process.attached(sys.argv[1:]))"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_attached_hands_signals_on(number: signal.Signals) -> None:
    inner = (
        "import signal, sys, time; "
        f"signal.signal({int(number)}, lambda *_: sys.exit(9)); print('ready', flush=True); time.sleep(60)"
    )
    outer = (PYTHON, "-c", ATTACHED, PYTHON, "-c", inner)
    with subprocess.Popen(outer, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdout.readline() == b"ready\n"
        os.kill(child.pid, number)
        assert child.wait(10) == 9


def test_attached_says_what_signal_ended_it() -> None:
    inner = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert process.attached((PYTHON, "-c", inner)) == 137
