"""A small image root with a real program in it: this machine's Python, and the part of its library that tests use."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

_IMPORTS = "import asyncio, json, os, signal, socket, stat, sys, time, http.server, socketserver, ctypes, pathlib"
_LIST = f"""{_IMPORTS}
import encodings.utf_8, encodings.ascii, encodings.latin_1, encodings.idna
files = [m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)]
print(json.dumps([os.path.realpath(sys.executable), files]))
"""


def make(root: Path, python: str = sys.executable) -> tuple[str, ...]:
    """Lay a Python out below `root` at the paths it has here; return the words that start it."""
    done = subprocess.run([python, "-I", "-S", "-c", _LIST], check=True, capture_output=True)
    program, files = json.loads(done.stdout)
    wanted = {program, *files}
    for file in [program, *(file for file in files if file.endswith(".so"))]:
        said = subprocess.run(["ldd", file], check=False, capture_output=True, text=True).stdout
        wanted |= set(re.findall(r"(/\S+) \(0x", said))
    for file in sorted(wanted):
        target = root / file.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        shutil.copymode(file, target)
    return program, "-I", "-S", "-c"
