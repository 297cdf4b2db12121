"""A build that is killed, and builds that run at once: the store stays good."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.end_to_end.conftest import ROOT, Finished, Nosh, start

pytestmark = [pytest.mark.packages, pytest.mark.xdist_group("packages")]
KILLS = 100


@pytest.fixture
def store(nosh: Nosh, downloads: Path, tmp_path: Path) -> Path:
    """A store that has the packages of `cc` and nothing made of them."""
    assert nosh("build", "cc", "-q", "--refresh").code == 0
    cache = tmp_path / "cache" / "nosh"
    shutil.copytree(downloads / "nosh" / "blobs", cache / "blobs", copy_function=os.link)
    shutil.copytree(downloads / "nosh" / "indexes", cache / "indexes")
    shutil.copytree(downloads / "nosh" / "records" / "suite", cache / "records" / "suite")
    return tmp_path


def environment(store: Path) -> dict[str, str]:
    folders = {"XDG_CACHE_HOME": "cache", "XDG_DATA_HOME": "data", "XDG_STATE_HOME": "state"}
    usual = {key: value for key, value in os.environ.items() if key != "NOSH_STORE"}
    return {**usual, **{key: str(store / name) for key, name in folders.items()}}


def nosh_in(store: Path, *words: str) -> Finished:
    return start(words, environment(store))


def forget(store: Path) -> None:
    for kind in ("piece", "floor"):
        shutil.rmtree(store / "cache" / "nosh" / "records" / kind, ignore_errors=True)


def test_killed_at_a_random_moment_a_hundred_times(store: Path) -> None:
    argv = [sys.executable, "-m", "nosh", "build", "cc", "--offline", "-q"]
    began = time.monotonic()
    expected = nosh_in(store, *argv[3:]).out
    whole = time.monotonic() - began
    moments = random.Random(20)
    unfinished = 0
    for _ in range(KILLS):
        forget(store)
        build = subprocess.Popen(argv, cwd=ROOT, env=environment(store), stdout=subprocess.DEVNULL)
        time.sleep(moments.uniform(0.05, whole))
        build.send_signal(signal.SIGKILL)
        unfinished += build.wait() == -signal.SIGKILL
    assert unfinished > KILLS / 2, "the kills have to hit builds that still run"
    assert nosh_in(store, "store", "verify").code == 0
    done = nosh_in(store, *argv[3:])
    assert (done.code, done.out) == (0, expected), done.err


def test_two_builds_at_once(store: Path) -> None:
    argv = [sys.executable, "-m", "nosh", "build", "cc", "--offline", "-q"]
    builds = [
        subprocess.Popen([*argv, "-t", f"cc{number}"], cwd=ROOT, env=environment(store), stdout=subprocess.PIPE)
        for number in range(2)
    ]
    digests = {build.communicate()[0] for build in builds}
    assert [build.returncode for build in builds] == [0, 0]
    assert len(digests) == 1
    listed = nosh_in(store, "images").out
    assert "cc0:latest" in listed
    assert "cc1:latest" in listed
    assert nosh_in(store, "store", "verify").code == 0


def test_a_damaged_blob_is_found_and_mended(store: Path) -> None:
    assert nosh_in(store, "build", "static", "--offline", "-q").code == 0
    blobs = store / "data" / "nosh" / "images" / "blobs" / "sha256"
    largest = max(blobs.iterdir(), key=lambda path: path.stat().st_size)
    data = largest.read_bytes()
    largest.unlink()
    largest.write_bytes(data[:-1] + b"x")
    done = nosh_in(store, "store", "verify")
    assert done.code == 3
    assert largest.name in done.out
    assert nosh_in(store, "store", "verify", "--repair").code == 0
    assert nosh_in(store, "build", "static", "--offline", "-q").code == 0
    assert nosh_in(store, "store", "verify").code == 0
