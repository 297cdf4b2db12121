"""Reading a list of packages (the `Packages` file of a Debian repository)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nosh.values.errors import FormatError

_WANTED = (b"Version", b"Architecture", b"Source", b"Filename", b"Size", b"SHA256")
_SIZE = re.compile(r"[0-9]{1,18}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list says of one package; sizes in bytes, `sha256` in hex."""

    name: str
    version: str
    architecture: str
    source: str
    filename: str
    size: int
    sha256: str


def read(data: bytes) -> Iterator[Listed]:
    """Yield every package of a list.

    Raises:
        FormatError: a stanza lacks a field that every package has, or has no size or digest in it.
    """
    for stanza in data.split(b"\n\n"):
        if stanza.strip():
            yield _listed(b"\n" + stanza + b"\n")


def _listed(stanza: bytes) -> Listed:
    name = _field(stanza, b"Package")
    version, architecture, source, filename, size, sha256 = (_field(stanza, key) for key in _WANTED)
    if not (name and version and architecture and filename and _SIZE.fullmatch(size) and _DIGEST.fullmatch(sha256)):
        raise FormatError(f"cannot read package list: the stanza of {name or '?'} lacks a field or has a malformed one")
    return Listed(name, version, architecture, source.partition(" ")[0] or name, filename, int(size), sha256)


def _field(stanza: bytes, key: bytes) -> str:
    start = stanza.find(b"\n" + key + b": ")
    if start < 0:
        return ""
    start += len(key) + 3
    return stanza[start : stanza.index(b"\n", start)].decode("utf-8", "replace").strip()
