"""The program as a process of its own, with a store and a home that are empty."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pytest

Done = subprocess.CompletedProcess[str]


class Run(Protocol):
    """Runs Python with some words; keywords are variables of its environment."""

    def __call__(self, *words: str, **more: str) -> Done: ...


def argv(words: Sequence[str]) -> list[str]:
    return [sys.executable, *words]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NOSH_", "XDG_"))}
    return {**kept, "HOME": str(tmp_path / "home")}


@pytest.fixture
def python(tmp_path: Path, environment: dict[str, str]) -> Run:
    def run(*words: str, **more: str) -> Done:
        return subprocess.run(
            argv(words), cwd=tmp_path, env={**environment, **more},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def nosh(python: Run) -> Run:
    def run(*words: str, **more: str) -> Done:
        return python("-m", "nosh", *words, **more)

    return run
