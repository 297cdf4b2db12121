"""A program called npm: it installs and packs what it is told to, and writes down how it was called.

It stands in a folder of PATH as the real one does. What it does is in files beside it: `version`, `modules` (a folder
that becomes node_modules), `pack.tgz`, `fails` (what it prints before it fails). `calls` has a line of JSON for each call.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

_PROGRAM = """#!{python}
import json, os, pathlib, shutil, sys
here = pathlib.Path(__file__).parent
words = sys.argv[1:]
if words == ["--version"]:
    print((here / "version").read_text())
    sys.exit()
call = {{"words": words, "files": sorted(os.listdir()), "environment": dict(os.environ)}}
with (here / "calls").open("a") as file:
    file.write(json.dumps(call) + "\\n")
if (here / "fails").exists():
    sys.exit((here / "fails").read_text())
if words[0] == "ci" and (here / "modules").exists():
    shutil.copytree(here / "modules", "node_modules", symlinks=True)
if words[0] == "pack":
    shutil.copyfile(here / "pack.tgz", "scope-thing-1.0.0.tgz")
    print(json.dumps([{{"filename": "@scope/thing-1.0.0.tgz"}}]))
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its words, the files of the folder it was called in, and its variables."""

    words: tuple[str, ...]
    files: tuple[str, ...]
    environment: dict[str, str]


@dataclass(frozen=True, slots=True)
class Npm:
    """The program's folder, which belongs into PATH."""

    folder: Path

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every call but those for the version."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        found = map(json.loads, lines)
        return tuple(Call(tuple(one["words"]), tuple(one["files"]), one["environment"]) for one in found)

    def fail(self, text: str) -> None:
        """Let every call fail from now on."""
        (self.folder / "fails").write_text(text)


def install(folder: Path, *, version: str = "11.0.0") -> Npm:
    """Put the program into a new folder."""
    folder.mkdir()
    (folder / "version").write_text(version)
    program = folder / "npm"
    program.write_text(_PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    return Npm(folder)
