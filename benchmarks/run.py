#!/usr/bin/env python3
"""Measure nosh, and other tools on the same packages in the same run; print a table in Markdown.

usage: benchmarks/run.py [--runs N] [--json FILE]

Every figure is the median of N runs (default 5) of a whole process, in milliseconds unless said otherwise. Packages are
on disk before the clock starts. `limit` is what decompressing and recompressing the same bytes with the same libraries
takes on all cores, measured here and now. Tools that are not installed are named and left out.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nosh.formats import compression
from nosh.formats.deb import archive
from nosh.outside.store import blob_path
from nosh.recipes import catalogue
from nosh.values.digest import Digest

ROOT = Path(__file__).resolve().parent.parent
FAMILIES = ("static", "base", "cc", "nodejs22")
NOSH = [str(Path(sys.executable).parent / "nosh")]


@dataclass(frozen=True)
class Ground:
    """A store with packages on disk, and a folder for everything else."""

    folder: Path
    runs: int

    def environment(self) -> dict[str, str]:
        """Our own, with a store of its own and, like any installed program, with byte-code."""
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {**inherited, "NOSH_STORE": str(self.folder / "store")}

    def nosh(self, *words: str) -> str:
        """Return what nosh prints."""
        argv = [*NOSH, *words]
        return subprocess.run(argv, env=self.environment(), check=True, stdout=subprocess.PIPE, text=True).stdout

    def forget(self) -> None:
        """Have the next build make everything again from the packages."""
        for kind in ("piece", "floor"):
            shutil.rmtree(self.folder / "store/cache/records" / kind, ignore_errors=True)

    def median(self, work: Callable[[], object], prepare: Callable[[], object] = lambda: None) -> float:
        """Return how long something takes, in milliseconds."""
        times = []
        for _ in range(self.runs):
            prepare()
            started = time.perf_counter()
            work()
            times.append(1000 * (time.perf_counter() - started))
        return statistics.median(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nosh-bench-") as name:
        ground = Ground(Path(name), options.runs)
        version = ground.median(lambda: ground.nosh("--version"))
        rows = {family: measure(ground, family) for family in FAMILIES}
    cores = len(os.sched_getaffinity(0))
    print(table([f"median of {ground.runs} runs, {cores} cores, Python {sys.version.split()[0]}", *FAMILIES], rows))
    print(f"\n`nosh --version`: {version:.0f} ms")
    if options.json:
        options.json.write_text(json.dumps({"--version": version, **rows}, indent=2) + "\n")


def table(head: Sequence[str], rows: Mapping[str, Mapping[str, float]]) -> str:
    """Return the figures as Markdown, a column for each family."""
    lines = [head, ["---"] * len(head)]
    for what in rows["base"]:
        figures = [rows[family].get(what) for family in FAMILIES]
        form = ".2f" if what.endswith("times") else ".0f"
        lines.append([what, *("" if figure is None else format(figure, form) for figure in figures)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measure(ground: Ground, family: str) -> dict[str, float]:
    """Return all figures of one family."""
    print(f"{family} …", file=sys.stderr)
    built = json.loads(ground.nosh("build", family, "--format", "json"))
    blobs = [blob_path(ground.folder / "store/cache", Digest(one["digest"])) for one in built["packages"]]
    debs = [(one["name"], path) for one, path in zip(built["packages"], blobs, strict=True)]
    inputs = [path for _, path in debs]
    upstream = [blob_path(ground.folder / "store/cache", Digest(one)) for one in upstream_files(family)]
    found = {"warm, ms": ground.median(partial(ground.nosh, "build", family, "-q"))}
    for name in ("gzip", "fast"):
        words = ("build", family, "-q", "--compression", name)
        ground.nosh(*words)
        found[f"cold {name}, ms"] = cold = ground.median(partial(ground.nosh, *words), ground.forget)
        found[f"limit {name}, ms"] = limit = ground.median(partial(recompress, inputs, upstream, name))
        found[f"(cold {name} - 200 ms) / limit, times"] = (cold - 200) / limit
    ground.forget()
    found["peak memory, MB"] = peak_memory(ground, family)
    if not upstream:
        found.update(others(ground, debs, found))
    return found


def upstream_files(family: str) -> list[str]:
    """Return the digests of what a family takes that is no package."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    return [digest for one in catalogue.find(family).level.upstream for digest in one.digests[machine].values()]


def recompress(debs: Sequence[Path], files: Sequence[Path], name: str) -> None:
    """Decompress every package and compress what comes out, on all cores, and keep nothing."""
    press = compression.compressor(name)

    def package(path: Path) -> None:
        buffer = bytearray()
        with path.open("rb") as file:
            for chunk in (chunk for _, body in archive.read(file).data for chunk in body):
                buffer += chunk
                while len(buffer) >= press.member:
                    press.compress(bytes(buffer[: press.member]))
                    del buffer[: press.member]
        press.compress(bytes(buffer))

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        jobs: list[Future[object]] = []
        jobs += [pool.submit(package, path) for path in sorted(debs, key=lambda path: -path.stat().st_size)]
        for path in files:
            data = path.read_bytes()
            parts = [data[start : start + press.member] for start in range(0, len(data), press.member)]
            jobs += [pool.submit(press.compress, part) for part in parts]
        for job in jobs:
            job.result()


def peak_memory(ground: Ground, family: str) -> float:
    """Return the most memory that a cold build holds, in MB; its process is the largest child so far."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    argv = [sys.executable, "-c", code, *NOSH, "build", family, "-q"]
    done = subprocess.run(argv, env=ground.environment(), check=True, capture_output=True, text=True)
    return int(done.stdout) * (1024 if sys.platform != "darwin" else 1) / 1e6


def others(ground: Ground, debs: Sequence[tuple[str, Path]], ours: dict[str, float]) -> dict[str, float]:
    """Return the figures of other tools on the same packages, and how many times as long they take."""
    found: dict[str, float] = {}
    if shutil.which("mmdebstrap") and os.geteuid() == 0:
        repository = make_repository(ground.folder / "repository", debs)
        names = ",".join(name for name, _ in debs)
        out = str(ground.folder / "root.tar.gz")
        argv = ["mmdebstrap", "--quiet", "--mode=root", "--variant=extract", "--include", names, "trixie", out,
                f"deb [trusted=yes] copy://{repository} ./"]  # fmt: skip
        found["mmdebstrap to tar.gz, ms"] = ground.median(
            lambda: quiet(argv), lambda: Path(out).unlink(missing_ok=True)
        )
        for name in ("gzip", "fast"):
            found[f"mmdebstrap / cold {name}, times"] = found["mmdebstrap to tar.gz, ms"] / ours[f"cold {name}, ms"]
    else:
        print("mmdebstrap is not installed (or this is not root): left out", file=sys.stderr)
    if shutil.which("umoci") and shutil.which("dpkg-deb"):
        found["dpkg-deb and umoci insert, ms"] = ground.median(lambda: umoci(ground, debs))
        found["umoci / cold gzip, times"] = found["dpkg-deb and umoci insert, ms"] / ours["cold gzip, ms"]
    else:
        print("umoci is not installed: left out", file=sys.stderr)
    return found


def make_repository(folder: Path, debs: Sequence[tuple[str, Path]]) -> Path:
    """A flat repository with just these packages, whose dependencies apt need not look at."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    stanzas = []
    for name, path in debs:
        os.link(path, folder / f"{name}.deb")
        with path.open("rb") as file:
            text = archive.read(file).control["control"].decode()
        kept, keep = [], True
        for line in text.strip().splitlines():
            keep = keep if line[0] in " \t" else line.partition(":")[0] not in {
                "Depends", "Pre-Depends", "Conflicts", "Breaks", "Replaces", "Recommends", "Suggests", "Essential",
            }  # fmt: skip
            if keep:
                kept.append(line)
        size = path.stat().st_size
        stanzas.append("\n".join([*kept, f"Filename: ./{name}.deb", f"Size: {size}", f"SHA256: {path.name}", ""]))
    (folder / "Packages").write_text("\n".join(stanzas))
    return folder


def umoci(ground: Ground, debs: Sequence[tuple[str, Path]]) -> None:
    """Unpack the packages and make an image's layer of them."""
    with tempfile.TemporaryDirectory(dir=ground.folder) as name:
        root, layout = Path(name, "root"), Path(name, "oci")
        root.mkdir()
        for folder in ("bin", "lib", "lib64", "sbin"):
            (root / "usr" / folder).mkdir(parents=True)
            (root / folder).symlink_to(f"usr/{folder}")
        for _, path in debs:
            tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(path)], stdout=subprocess.PIPE)
            subprocess.run(["tar", "-x", "-C", str(root), "--keep-directory-symlink"], stdin=tar.stdout, check=True)
            tar.wait()
        quiet(["umoci", "init", "--layout", str(layout)])
        quiet(["umoci", "new", "--image", f"{layout}:x"])
        quiet(["umoci", "insert", "--image", f"{layout}:x", str(root), "/"])


def quiet(argv: Sequence[str]) -> None:
    """Run a program without its output."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(argv[:2])} failed:\n{done.stderr[-2000:]}")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    main()
