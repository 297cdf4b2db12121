"""The program as a user starts it, with a store that keeps downloads from one run to the next."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "node-express"


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, object]:
        document: dict[str, object] = json.loads(self.out)
        return document


class Nosh(Protocol):
    """Runs the program with some words; keywords are variables of its environment."""

    def __call__(self, *words: str, cwd: Path = ROOT, **more: str) -> Finished: ...


def start(words: tuple[str, ...], environment: Mapping[str, str], *, cwd: Path = ROOT) -> Finished:
    argv = [sys.executable, "-m", "nosh", *words]
    done = subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False)
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def downloads() -> Path:
    """A folder that outlives the run, as nosh's own cache does."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "nosh" / "tests"


@pytest.fixture(scope="session")
def nosh(downloads: Path, tmp_path_factory: pytest.TempPathFactory) -> Nosh:
    """nosh with real packages: its cache is kept, its images and what runs are this run's own."""
    folder = tmp_path_factory.mktemp("nosh")
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("NOSH_STORE")},
        "XDG_CACHE_HOME": str(downloads),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_STATE_HOME": str(folder / "state"),
    }

    def run(*words: str, cwd: Path = ROOT, **more: str) -> Finished:
        return start(words, {**environment, **more}, cwd=cwd)

    return run


@pytest.fixture(scope="session")
def hello(nosh: Nosh) -> dict[str, object]:
    """The example app, built, with its debug variant."""
    done = nosh("build", str(EXAMPLE), "-t", "hello", "--with-debug", "--format", "json")
    assert done.code == 0, done.err
    return done.json
