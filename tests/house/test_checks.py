"""The checks that a reviewer would run are tests, so the test command alone tells the truth."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("ruff", "check", "."), id="ruff finds nothing"),
        pytest.param(("ruff", "format", "--check", "."), id="everything is formatted"),
        pytest.param(("mypy",), id="mypy in strict mode finds nothing"),
        pytest.param(("lint-imports",), id="everybody imports lower things only"),
    ],
)
def test_check(command: tuple[str, ...]) -> None:
    argv = [str(BIN / command[0]), *command[1:]]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
