"""Roots to run programs on, and the users to run them as."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.simulators import python_root

SOURCE = Path(__file__).parents[2] / "src"
# Some user that owns nothing here.
ORDINARY = 20_001


@dataclass(frozen=True)
class Stage:
    """A user with a root of its own and a place for state.

    Attributes:
        python: interpreter that this user may start.
        user: to change to; None stays who we are.
        argv: starts Python code on the root.
    """

    python: str
    user: int | None
    root: Path
    state: Path
    argv: tuple[str, ...]

    @property
    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"], "NOSH_SECRET": "do not tell"}


@pytest.fixture(scope="session", params=["ourselves", "ordinary user"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    python, user = sys.executable, None
    if request.param == "ordinary user":
        if os.geteuid() != 0:
            pytest.skip("we are one already")
        python, user = "/usr/bin/python3", ORDINARY
        if not Path(python).exists():
            pytest.skip("other users have no Python here")
    top = Path(tempfile.mkdtemp(prefix="nosh-test-"))
    top.chmod(0o755)
    root, state = top / "root: a, b", top / "state"
    root.mkdir()
    state.mkdir()
    argv = python_root.make(root, python)
    for path in (root, *root.rglob("*")):
        path.chmod(0o755)
    if user:
        for path in (root, state, *root.rglob("*")):
            os.chown(path, user, user)
    yield Stage(python, user, root, state, argv)
    shutil.rmtree(top)
