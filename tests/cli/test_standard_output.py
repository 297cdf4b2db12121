"""Standard output has the result only: a digest as its last line, one object of JSON, or an archive and nothing else."""

import io
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from tests.simulators import apt_repository
from tests.simulators.apt_repository import key, repository
from tests.simulators.deb_maker import File, Package

from nosh.oci import layout

DIGEST = re.compile(rb"sha256:[0-9a-f]{64}\n")
HELLO = Package("hello", files={"usr/share/hello": File(b"hello")})
RECIPE = 'name = "small"\nreleases = ["debian13"]\narchitectures = ["amd64"]\npackages = ["hello"]\n'
Done = subprocess.CompletedProcess[bytes]


class Desk:
    """A folder with a recipe, and a mirror in a folder."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self._environment = folder, environment
        (folder / "small.toml").write_text(RECIPE)
        (folder / "ring.gpg").write_bytes(key().certificate)
        self._mirror = apt_repository.write(apt_repository.files(repository([HELLO])), folder / "mirror")

    def build(self, *words: str) -> Done:
        common = ("--mirror", self._mirror, "--keyring", "ring.gpg", "--store", "store", "--platform", "linux/amd64")
        argv = [sys.executable, "-m", "nosh", "build", "small.toml", *common, *words]
        return subprocess.run(
            argv, cwd=self.folder, env=self._environment, capture_output=True, timeout=60, check=False
        )


@pytest.fixture
def desk(tmp_path: Path, environment: dict[str, str]) -> Desk:
    return Desk(tmp_path, environment)


def test_the_digest_is_all_of_it_and_everything_else_is_on_standard_error(desk: Desk) -> None:
    cold, warm = desk.build(), desk.build()
    assert (cold.returncode, warm.returncode) == (0, 0), cold.stderr
    assert DIGEST.fullmatch(cold.stdout)
    assert warm.stdout == cold.stdout
    assert re.search(rb"^packages: 1 package, 0\.0 MB downloaded or read \(\d+\.\d s\)$", cold.stderr, re.MULTILINE)
    assert b"packages:" not in warm.stderr
    assert b"\x1b" not in cold.stderr + warm.stderr
    assert desk.build("-q").stderr == b""


def test_json_is_one_object(desk: Desk) -> None:
    document = json.loads(desk.build("--format", "json").stdout)
    assert (document["schema"], document["name"]) == ("nosh/build/1", "small:nonroot")


@pytest.mark.parametrize("words", [("-o", "-"), ("-o", "oci-archive:-"), ("-o", "-", "--format", "json")])
def test_an_archive_has_it_for_itself_and_the_result_is_on_standard_error(desk: Desk, words: tuple[str, ...]) -> None:
    done = desk.build("-q", *words)
    assert done.returncode == 0, done.stderr
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        assert {"oci-layout", "index.json"} <= set(archive.getnames())
    assert len(done.stdout) % 512 == 0, "nothing follows the archive"
    digest = json.loads(done.stderr)["digest"] if "json" in words else done.stderr.decode().strip()
    assert digest.startswith("sha256:")


def test_a_folder_gets_the_debug_variant_as_well(desk: Desk) -> None:
    done = desk.build("-q", "-t", "small:1", "--with-debug", "-o", "out")
    assert done.returncode == 0, done.stderr
    names = {one.annotations[layout.NAME] for one in layout.read_index(desk.folder / "out").manifests}
    assert names == {"1", "1-debug"}


def test_an_archive_has_no_room_for_the_debug_variant_which_is_told_before_anything_is_built(desk: Desk) -> None:
    done = desk.build("--with-debug", "-o", "out.tar")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"cannot write 2 images to 'out.tar'" in done.stderr
    assert not (desk.folder / "store").exists()
    assert not (desk.folder / "out.tar").exists()
