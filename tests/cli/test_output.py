"""Progress: bars on a terminal, and one line for each finished step without one."""

import io
import os
import pty
import re
import sys
import threading
from collections.abc import Callable

import pytest

from nosh.cli import output
from nosh.cli.output import Bars, Plain
from nosh.values.progress import Progress


def plain(*, quiet: bool = False, work: Callable[[Progress], object]) -> str:
    stream = io.StringIO()
    with Plain(stream, quiet=quiet) as progress:
        work(progress)
    return stream.getvalue()


def bars(work: Callable[[Progress], object], *, color: bool = True) -> str:
    """Return everything that a terminal of 80 columns is sent."""
    mine, theirs = pty.openpty()
    seen: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(mine, 4096):
                seen.append(data)
        except OSError:
            pass  # the other end is closed

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(theirs, "w") as stream, Bars(stream, color=color) as progress:
        work(progress)
    reader.join()
    os.close(mine)
    return b"".join(seen).decode()


def lines(text: str) -> list[str]:
    """Return what is left on the screen, without the movements of the cursor."""
    bare = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    return [line.rpartition("\r")[2] for line in bare.replace("\r\n", "\n").split("\n") if line.strip()]


def step(progress: Progress) -> None:
    progress.begin("packages", 3)
    for _ in range(3):
        progress.advance("packages", 1)
    progress.end("packages", "3 packages, 1.0 MB downloaded or read")


def test_a_finished_step_is_one_line_with_its_time() -> None:
    assert re.fullmatch(r"packages: 3 packages, 1\.0 MB downloaded or read \(\d+\.\d s\)\n", plain(work=step))


def test_a_step_that_is_not_finished_says_nothing() -> None:
    assert plain(work=lambda progress: progress.begin("packages", 3)) == ""


def test_a_step_that_never_began_took_no_time() -> None:
    assert plain(work=lambda progress: progress.end("node", "from npm")) == "node: from npm (0.0 s)\n"


def test_quiet_leaves_warnings() -> None:
    def work(progress: Progress) -> None:
        step(progress)
        progress.warn("the mirror is old")

    assert plain(quiet=True, work=work) == "warning: the mirror is old\n"


def test_steps_of_several_threads_do_not_mix() -> None:
    def work(progress: Progress) -> None:
        def one(name: str) -> None:
            progress.begin(name, 0)
            progress.end(name, "x" * 100)

        threads = [threading.Thread(target=one, args=(f"step {number}",)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    found = plain(work=work).splitlines()
    assert sorted(line.split(":")[0] for line in found) == sorted(f"step {number}" for number in range(20))
    assert all(re.fullmatch(r"step \d+: x{100} \(\d\.\d s\)", line) for line in found)


def test_a_terminal_keeps_one_line_of_a_finished_step() -> None:
    seen = bars(step)
    assert "packages" in seen
    assert "✓ packages: 3 packages, 1.0 MB downloaded or read" in lines(seen)


def test_a_terminal_is_given_back_as_it_was() -> None:
    seen = bars(step)
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h") == 1, "the cursor is hidden, and shown again"


def test_colours_can_be_switched_off() -> None:
    assert "\x1b[32m" in bars(step)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9][0-9;]*m", bars(step, color=False))


def test_nothing_at_all_is_sent_when_there_is_nothing_to_say() -> None:
    assert bars(lambda progress: None) == ""  # noqa: ARG005 - it does nothing


@pytest.mark.parametrize("text", ["[bold]x", "a [/] b", "[link=x]", "/srv/[debian]/x", "[red]"])
def test_brackets_in_messages_are_text(text: str) -> None:
    def work(progress: Progress) -> None:
        progress.begin(text, 1)
        progress.end(text, text)
        progress.warn(text)

    found = lines(bars(work))
    assert f"✓ {text}: {text}" in found
    assert f"warning: {text}" in found


def test_a_long_message_is_one_line() -> None:
    text = "word " * 40 + "end"
    assert f"warning: {text}" in lines(bars(lambda progress: progress.warn(text)))


def test_moving_a_bar_that_is_not_there_does_nothing() -> None:
    assert "packages" not in bars(lambda progress: progress.advance("packages", 1))


@pytest.mark.parametrize(
    ("mode", "quiet", "terminal", "kind"),
    [
        ("auto", False, True, Bars),
        ("auto", True, True, Plain),
        ("auto", False, False, Plain),
        ("plain", False, True, Plain),
        ("none", False, True, Plain),
    ],
)
def test_bars_are_for_terminals_only(mode: str, quiet: bool, terminal: bool, kind: type) -> None:  # noqa: FBT001
    before = sys.stderr
    mine, theirs = pty.openpty()
    try:
        with os.fdopen(theirs, "w") as screen:
            sys.stderr = screen if terminal else io.StringIO()
            assert isinstance(output.progress(mode, quiet=quiet, color=True), kind)
    finally:
        sys.stderr = before
        os.close(mine)
