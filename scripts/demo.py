#!/usr/bin/env python3
"""The demo: an app becomes an image without a shell, runs, and is compared with what people start from today."""

import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).resolve().parent.parent
NOSH = str(Path(sys.executable).parent / "nosh")
APP = "examples/node-express"
NAME = "demo-node-express"


class Size(TypedDict):
    """Bytes of all layers."""

    compressed: int
    unpacked: int


class Built(TypedDict):
    """What `nosh build --format json` says, as far as the demo shows it."""

    digest: str
    size: Size
    files: int
    executables: int
    packages: list[dict[str, str]]
    shells: list[str]
    user: str
    seconds: float


def main() -> None:
    started = time.monotonic()
    full = "--full" in sys.argv[1:]
    build = nosh_json("build", APP, "--tag", NAME)
    address = run()
    try:
        answers = {path: fetch(address + path) for path in ("/", "/health")}
    finally:
        subprocess.run([NOSH, "stop", "--quiet", NAME], check=True)
    for path, answer in answers.items():
        print(f"  {address}{path} answers {answer}")
    names = ["slim", "full"] if full else ["slim"]
    others = [nosh_json("build", APP, "--tag", f"{NAME}-{name}", "--base", f"{name}-nodejs22") for name in names]
    print()
    print(table(build, others, names))
    print(f"digest {build['digest']}")
    print(f"all of it took {time.monotonic() - started:.0f} s; see it again: nosh run {NAME} -p 3000:3000")


def nosh_json(*words: str) -> Built:
    print("$ nosh", *words, flush=True)
    done = subprocess.run([NOSH, *words, "--format", "json"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    built: Built = json.loads(done.stdout)
    return built


def run() -> str:
    """Start the app where nosh thinks best, or in its sandbox if the engine is there but cannot start anything."""
    port = free_port()
    words = ["run", NAME, "-d", "--name", NAME, "-p", f"{port}:3000", "--wait-http", "/health"]
    engine: list[str] = []
    while True:
        print("$ nosh", *words, *engine, flush=True)
        done = subprocess.run([NOSH, *words, *engine], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.strip()
        if engine:
            sys.exit(done.returncode)
        engine = ["--engine", "sandbox"]


def free_port() -> int:
    for port in (3000, 0):
        try:
            with socket.create_server(("127.0.0.1", port)) as server:
                return int(server.getsockname()[1])
        except OSError:
            continue
    sys.exit("no port is free")


def fetch(address: str) -> str:
    with urllib.request.urlopen(address, timeout=5) as response:
        return str(response.read(), "utf-8")


def table(ours: Built, others: list[Built], names: list[str]) -> str:
    rows = [
        ("compressed", *(megabytes(one["size"]["compressed"]) for one in (ours, *others))),
        ("unpacked", *(megabytes(one["size"]["unpacked"]) for one in (ours, *others))),
        ("files", *(str(one["files"]) for one in (ours, *others))),
        ("executables", *(str(one["executables"]) for one in (ours, *others))),
        ("packages", *(str(len(one["packages"])) for one in (ours, *others))),
        ("shell", *(", ".join(one["shells"]) or "none" for one in (ours, *others))),
        ("user", *(one["user"] for one in (ours, *others))),
        ("build time", *(f"{one['seconds']:.1f} s" for one in (ours, *others))),
    ]
    head = ("", "nosh", *(cell for name in names for cell in (f"on a {name} userland", "less")))
    return columns([head, *(with_percentages(row) for row in rows)])


def with_percentages(row: tuple[str, ...]) -> tuple[str, ...]:
    what, ours, *others = row
    cells = [cell for other in others for cell in (other, less(what, ours, other))]
    return (what, ours, *cells)


def less(what: str, ours: str, other: str) -> str:
    numbers = re.findall(r"^[0-9.]+", f"{ours}\n{other}", re.MULTILINE)
    if len(numbers) < len((ours, other)) or what in {"user", "build time"}:
        return ""
    mine, theirs = map(float, numbers)
    return f"-{100 * (1 - mine / theirs):.0f} %" if theirs else ""


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def columns(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


if __name__ == "__main__":
    main()
