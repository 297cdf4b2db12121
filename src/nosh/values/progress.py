"""How long-running work tells what it is doing; silence is the default."""

from typing import Protocol


class Progress(Protocol):
    """What a watcher of work has to offer; called from several threads."""

    def begin(self, step: str, total: int) -> None:
        """Work on `step` starts; `total` units (bytes or things) are ahead, 0 if unknown."""

    def advance(self, step: str, amount: int) -> None:
        """`amount` more units of `step` are done."""

    def end(self, step: str, summary: str) -> None:
        """`step` is done."""

    def warn(self, message: str) -> None:
        """Something the user should know, though the work goes on."""


class Silence:
    """Hears everything and says nothing."""

    def begin(self, step: str, total: int) -> None:
        """Say nothing."""

    def advance(self, step: str, amount: int) -> None:
        """Say nothing."""

    def end(self, step: str, summary: str) -> None:
        """Say nothing."""

    def warn(self, message: str) -> None:
        """Say nothing."""


SILENT = Silence()
