"""What a terminal shows while work goes on; without one, a line for each finished step."""

import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from nosh.outside import clock

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Plain:
    """Progress without a terminal: one line for each finished step, with its time."""

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream, self._quiet = stream, quiet
        self._started: dict[str, float] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.flush()

    def begin(self, step: str, total: int) -> None:  # noqa: ARG002 - there is no bar
        """Note when a step starts."""
        with self._lock:
            self._started[step] = clock.elapsed()

    def advance(self, step: str, amount: int) -> None:
        """Say nothing yet."""

    def end(self, step: str, summary: str) -> None:
        """Print the step's line."""
        with self._lock:
            now = clock.elapsed()
            taken = now - self._started.pop(step, now)
            if not self._quiet:
                self._stream.write(f"{step}: {summary} ({taken:.1f} s)\n")

    def warn(self, message: str) -> None:
        """Print a warning."""
        with self._lock:
            self._stream.write(f"warning: {message}\n")


class Bars:
    """Progress on a terminal."""

    def __init__(self, stream: TextIO, *, color: bool) -> None:
        self._stream, self._color = stream, color
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()

    def _started(self) -> "Progress":
        if self._progress is None:
            # Only now: a build that finds everything in the store shows no bar and does not wait for one.
            from rich.console import Console  # noqa: PLC0415
            from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

            console = Console(file=self._stream, no_color=not self._color)
            self._progress = Progress(
                SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn(),
                console=console, transient=True,
            )  # fmt: skip
            self._progress.start()
        return self._progress

    def begin(self, step: str, total: int) -> None:
        """Show a bar."""
        with self._lock:
            self._tasks[step] = self._started().add_task(step, total=total or None)

    def advance(self, step: str, amount: int) -> None:
        """Move a bar."""
        with self._lock:
            if step in self._tasks:
                self._started().advance(self._tasks[step], amount)

    def end(self, step: str, summary: str) -> None:
        """Take the bar away and print the step's line."""
        with self._lock:
            progress = self._started()
            if step in self._tasks:
                progress.remove_task(self._tasks.pop(step))
            _line(progress, "green", mark="✓", message=f"{step}: {summary}")

    def warn(self, message: str) -> None:
        """Print a warning above the bars."""
        with self._lock:
            _line(self._started(), "yellow", mark="warning:", message=message)


def _line(progress: "Progress", style: str, *, mark: str, message: str) -> None:
    from rich.text import Text  # noqa: PLC0415 - only with a terminal

    # A message is no markup: what stands in brackets is part of it.
    progress.console.print(Text.assemble((mark, style), " ", message), highlight=False, soft_wrap=True)


def progress(mode: str, *, quiet: bool, color: bool) -> Plain | Bars:
    """Return the progress for ``auto``, ``plain`` or ``none``."""
    stream = sys.stderr
    if mode == "auto" and not quiet and stream.isatty():
        return Bars(stream, color=color)
    return Plain(stream, quiet=quiet or mode == "none")
