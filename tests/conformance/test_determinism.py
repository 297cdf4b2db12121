"""The same input gives the same bytes on other processors and with other Pythons: shown, not believed."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QEMU = shutil.which("qemu-x86_64-static") or shutil.which("qemu-x86_64")

# What a compressor makes of text, of a program and of zeros.
COMPRESS = """
import hashlib, pathlib, sys
from tests.simulators.samples import sample
from nosh.formats import compression
program = pathlib.Path(sys.executable).resolve().read_bytes()[: 1 << 20]
data = sample(1 << 20) + program.ljust(1 << 20, b"\\0") + bytes(1 << 19)
for name in compression.NAMES:
    one = compression.compressor(name)
    print(one.version, hashlib.sha256(one.compress(data)).hexdigest())
"""

# What is our own: tar headers, configuration, manifest, the loader's cache, records.
PURE = """
import hashlib, json
from nosh.formats import ldcache, tar
from nosh.oci import config, manifest
from nosh.oci.config import Config, History
from nosh.oci.manifest import Descriptor, Index, Manifest
from nosh.rootfs import identity, merge, select
from nosh.values import digest, piece, platform
from nosh.values.entry import Entry, Kind
from nosh.values.piece import Node, Piece

def show(name, data):
    print(name, hashlib.sha256(data).hexdigest())

paths = ["a", "größe/\\udcff", "n" * 101, "p" * 150 + "/" + "n" * 99, "usr/lib/x"]
entries = [
    Entry(path, kind, 0o755, uid, uid, time, 0, "b" * 120 if kind in (Kind.SYMLINK, Kind.HARDLINK) else "")
    for path in paths for kind in Kind for uid in (0, 65532, 8 ** 7) for time in (0, 8 ** 11)
]
show("tar", b"".join(map(tar.header, entries)))
arm = platform.parse("linux/arm64/v8")
blob = digest.of(b"x")
about = Descriptor("m", blob, 5, {"ü": "é", "a": "b"}, arm)
labels = {"z": "ü", "a": "\\u2028", "m": "\\x7f"}
show("config", config.render(Config(
    arm, "2026-01-01T00:00:00Z", "65532", (("PATH", "/"),), ("/x",), ("a b",), "/", labels, ("80/tcp", "443"),
    "SIGTERM", (blob,), (History("nosh", comment="ü"),)
)))
show("manifest", manifest.render(Manifest(about, (about,), {"b": "1", "a": "2"})))
show("index", manifest.render_index(Index((about, about))))
libraries = [ldcache.Library(f"lib{name}.so.{number}", f"/lib/lib{name}.so.{number}", 0x303) for name in "zaü"
             for number in (1, 10, 9)]
show("cache", ldcache.write(libraries, generator="ldconfig"))
choose = select.selector(select.Rules(merged=True, cut=("usr/**/x", "*\\udcff"), keep=("usr/lib/x",)))
kept = [entry for entry in map(choose, entries) if entry]
show("select", repr(kept).encode("utf-8", "surrogateescape"))
nodes = tuple(Node(entry, "0") for entry in kept if entry.kind is Kind.FILE and entry.mtime == entry.uid == 0)
one = Piece(blob, 1, 2, 3, (4,), nodes, (Entry("d\\udcff", Kind.DIRECTORY, 0o700),))
show("record", json.dumps(piece.pack(one)).encode())
show("merge", repr(sorted(merge.lay({}, [("a", one), ("b", one)]).duplicates.items())).encode("utf-8", "surrogateescape"))
show("identity", identity.os_release(title="Ü", version="13", codename="x"))
"""


def run(argv: list[str], code: str) -> str:
    # A seed of hashes each, so that the order of a set shows.
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PYTHONHASHSEED": str(len(argv[-1]))}
    done = subprocess.run([*argv, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not QEMU or platform.machine() != "x86_64", reason="needs qemu-x86_64 on an x86-64 machine")
@pytest.mark.parametrize("cpu", ["Westmere", "Haswell"])
def test_compressors_give_the_same_bytes_on_other_processors(cpu: str) -> None:
    assert run([str(QEMU), "-cpu", cpu, sys.executable], COMPRESS) == run([sys.executable], COMPRESS)


def others() -> list[str]:
    """Return the other Pythons of this machine that nosh runs on, by path."""
    names = [f"python3.{minor}" for minor in range(11, 20)]
    found = [path for name in names if (path := shutil.which(name))]
    versions = Path(os.environ.get("PYENV_ROOT", "/none"), "versions")
    found += [str(path) for name in names for path in sorted(versions.glob(f"*/bin/{name}"))]
    return [path for path in dict.fromkeys(found) if _version(path) not in {"", platform.python_version()}]


def _version(python: str) -> str:
    code = "import platform; print(platform.python_version())"
    # What stands for an interpreter that is not installed starts, and fails.
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=False).stdout.strip()


@pytest.mark.slow
def test_other_pythons_give_the_same_bytes() -> None:
    found = others()
    if not found:
        pytest.skip("needs another Python than this one")
    expected = run([sys.executable], PURE)
    assert {python: run([python], PURE) for python in found} == dict.fromkeys(found, expected)
