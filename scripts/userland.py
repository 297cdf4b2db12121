#!/usr/bin/env python3
"""Print the packages of a traditional userland for a recipe: what apt itself would install, without running it.

usage: scripts/userland.py RELEASE slim|full    (on Debian; apt fetches the release's lists into a temporary folder)
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from nosh.sources import aptconf, distributions, mirrors

SLIM = ("?essential", "apt", "ca-certificates", "tzdata")
FULL = (
    *SLIM, "build-essential", "curl", "git", "gnupg", "libssl-dev", "openssh-client", "pkg-config", "procps",
    "python3", "wget", "zlib1g-dev",
)  # fmt: skip


def main() -> None:
    release, kind = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        options = configure(Path(folder), release)
        subprocess.run(["apt-get", *options, "update", "-qq"], check=True, stdout=sys.stderr)
        wanted = SLIM if kind == "slim" else FULL
        command = ["apt-get", *options, "--simulate", "--no-install-recommends", "install", *wanted]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    names = sorted(set(re.findall(r"^Inst ([a-z0-9.+-]+)", said, re.MULTILINE)))
    print("\n".join(names))


def configure(folder: Path, release: str) -> list[str]:
    for name in ("lists/partial", "cache/archives/partial", "etc"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(sources(release))
    places = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "root",
    }
    return [word for key, value in places.items() for word in ("-o", f"{key}={value}")]


def sources(release: str) -> str:
    mirror = mirrors.candidates(aptconf.sources(Path("/etc/apt")), now=0)[0]
    chosen = distributions.release(release)
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    lines = [f"deb [signed-by={keyring}] {mirror.archive(suite.archive)} {suite.name} main" for suite in chosen.suites]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
