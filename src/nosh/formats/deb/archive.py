"""Reading a .deb: an ar archive with a control and a data archive inside (deb(5))."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from nosh.formats import compression, tar
from nosh.values.entry import Entry
from nosh.values.errors import FormatError

_MAGIC = b"!<arch>\n"
_HEADER = 60
# Debian's largest control archive is under 2 MiB unpacked; what is larger fills memory on purpose.
_CONTROL_LIMIT = 64 << 20
# The last second that a tar header can hold (in the year 2242).
_TIME_LIMIT = 0o77777777777


@dataclass(frozen=True)
class Archive:
    """A package, opened.

    Attributes:
        control: the members of the control archive by name: ``control``, ``md5sums``, ``conffiles``, scripts.
        time: seconds since 1970 at which the package was made.
        data: the files, to be read once and in order.
    """

    control: dict[str, bytes]
    time: int
    data: Iterator[tuple[Entry, Iterable[memoryview]]]


def read(file: BinaryIO) -> Archive:
    """Open a package; `file` is seekable and stays open until `data` has been read.

    Raises:
        FormatError: it is not a package of format 2.x, or damaged.
    """
    members = (member for member in _members(file) if not member[0].startswith("_"))
    name, version, made = next(members, ("", None, 0))
    if name != "debian-binary" or version is None or not version.read(4).startswith(b"2."):
        raise FormatError("cannot read package: it is not a .deb of format 2.x")
    name, part, _ = next(members, ("", None, 0))
    if not name.startswith("control.tar") or part is None:
        raise FormatError("cannot read package: it has no control archive")
    control = _control(part)
    for name, part, _ in members:
        if name.startswith("data.tar"):
            return Archive(control, made, tar.read(compression.decompress(part)))
        raise FormatError(f"cannot read package: unexpected member {name!r}")
    raise FormatError("cannot read package: it has no data archive")


def _control(part: BinaryIO) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    total = 0
    for entry, body in tar.read(compression.decompress(part)):
        total += entry.size
        if total > _CONTROL_LIMIT:
            raise FormatError(f"cannot read package: its control archive has more than {_CONTROL_LIMIT} bytes")
        found[entry.path] = b"".join(body)
    if "control" not in found:
        raise FormatError("cannot read package: it has no control file")
    return found


def _members(file: BinaryIO) -> Iterator[tuple[str, BinaryIO, int]]:
    if file.read(len(_MAGIC)) != _MAGIC:
        raise FormatError("cannot read package: it is not an ar archive")
    position = len(_MAGIC)
    end = file.seek(0, io.SEEK_END)
    while position < end:
        file.seek(position)
        header = file.read(_HEADER)
        name, made, size = header[:16].rstrip(b" /"), header[16:28].strip(), header[48:58].strip()
        if len(header) < _HEADER or header[58:] != b"`\n" or not size.isdigit() or not made.isdigit():
            raise FormatError("cannot read package: a member's header is damaged")
        if int(made) > _TIME_LIMIT:
            raise FormatError(f"cannot read package: it says it was made {int(made)} seconds after 1970")
        start, position = position + _HEADER, position + _HEADER + int(size)
        if position > end:
            raise FormatError("cannot read package: it ends inside a member")
        yield name.decode("ascii", "replace"), cast("BinaryIO", _Window(file, start, size=int(size))), int(made)
        position += position % 2


class _Window(io.RawIOBase):
    """One member as a file of its own."""

    def __init__(self, file: BinaryIO, start: int, *, size: int) -> None:
        super().__init__()
        self._file, self._position, self._left = file, start, size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        self._file.seek(self._position)
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._position += len(data)
        self._left -= len(data)
        return data
