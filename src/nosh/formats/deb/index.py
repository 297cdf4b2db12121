"""Reading a list of packages (the `Packages` file of a Debian repository)."""

from collections.abc import Iterator
from dataclasses import dataclass

from nosh.values.errors import FormatError

_WANTED = (b"Version", b"Architecture", b"Source", b"Filename", b"Size", b"SHA256")


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
        FormatError: a stanza lacks a field that every package has.
    """
    for stanza in data.split(b"\n\n"):
        if stanza.strip():
            yield _listed(b"\n" + stanza + b"\n")


def _listed(stanza: bytes) -> Listed:
    name = _field(stanza, b"Package")
    version, architecture, source, filename, size, sha256 = (_field(stanza, key) for key in _WANTED)
    if not (name and version and architecture and filename and size.isdigit() and len(sha256) == 64):
        raise FormatError(f"cannot read package list: the stanza of {name or '?'} lacks a field")
    return Listed(name, version, architecture, source.partition(" ")[0] or name, filename, int(size), sha256)


def _field(stanza: bytes, key: bytes) -> str:
    start = stanza.find(b"\n" + key + b": ")
    if start < 0:
        return ""
    start += len(key) + 3
    return stanza[start : stanza.index(b"\n", start)].decode("utf-8", "replace").strip()
