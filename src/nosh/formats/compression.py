"""Compressing and decompressing streams, with equal bytes on every machine.

A compressor cuts its input into members (frames) of a fixed size, so that cores can share the work and the bytes
depend neither on how the input arrived nor on how many cores there were (RFC 1952 §2.2 and RFC 8878 §3.1 allow
members one after the other).
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from nosh.values.errors import FormatError, UsageError

_READ = 128 << 10
_WRITE = 1 << 20
_HEADERS = (
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
)
_LONGEST = max(len(magic) for magic, _ in _HEADERS)
# What tools put beside the data, perhaps in front of it (RFC 8878 §3.1.2).
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
# No honest package comes near these: they stop a small file from filling the disk.
_RATIO_LIMIT = 2000
_RATIO_FREE = 256 << 20
# What the libraries raise, each its own class.
_ERRORS = frozenset({"error", "IsalError", "ZstdError", "LZMAError"})


@dataclass(frozen=True, slots=True)
class Compressor:
    """One way to compress.

    Attributes:
        name: what the user types after ``--compression``.
        version: library, its version and level: together with the input they decide the bytes.
        format: ``gzip`` or ``zstd``.
        member: bytes of input to each member.
        compress: makes one whole member from bytes.
        expand: gives back the bytes of a member, of which there are at most that many.
    """

    name: str
    version: str
    format: str
    member: int
    compress: Callable[[bytes | bytearray | memoryview], bytes]
    expand: Callable[[bytes, int], bytes | bytearray]


def compressor(name: str) -> Compressor:
    """Return the compressor called `name`; its library is imported only now.

    Raises:
        UsageError: there is none.
    """
    maker = _COMPRESSORS.get(name)
    if maker is None:
        known = ", ".join(_COMPRESSORS)
        raise UsageError(f"cannot compress with {name!r}: it is not known", hint=f"one of {known}")
    return maker(name)


def _libdeflate(level: int) -> Callable[[str], Compressor]:
    def make(name: str) -> Compressor:
        import deflate  # noqa: PLC0415 - a warm build compresses nothing

        version = f"libdeflate {deflate.__version__} level {level}"
        return Compressor(
            name, version, "gzip", 4 << 20, lambda data: bytes(deflate.gzip_compress(data, level)), _expand_gzip
        )

    return make


def _isal(name: str) -> Compressor:
    from isal import ISAL_VERSION, igzip  # noqa: PLC0415 - a warm build compresses nothing

    def compress(data: bytes | bytearray | memoryview) -> bytes:
        return bytes(igzip.compress(data, 2, mtime=0))

    return Compressor(name, f"isa-l {ISAL_VERSION} level 2", "gzip", 1 << 20, compress, _expand_gzip)


def _expand_gzip(data: bytes, size: int) -> bytes | bytearray:
    import deflate  # noqa: PLC0415 - a warm build expands nothing

    try:
        return deflate.gzip_decompress(data, size)
    except (ValueError, deflate.DeflateError) as error:
        raise FormatError(f"cannot decompress: {error}") from error


def _zstd(name: str) -> Compressor:
    from backports import zstd  # noqa: PLC0415 - a warm build compresses nothing

    def compress(data: bytes | bytearray | memoryview) -> bytes:
        return bytes(zstd.compress(data, 9))

    def expand(data: bytes, size: int) -> bytes:
        frame = zstd.ZstdDecompressor()
        try:
            # One byte more, or the end of the frame would not be looked at.
            plain = bytes(frame.decompress(data, size + 1))
        except zstd.ZstdError as error:
            raise FormatError(f"cannot decompress: {error}") from error
        if not frame.eof or len(plain) > size:
            raise FormatError(f"cannot decompress: the zstd data is cut short or has more than {size} bytes")
        return plain

    return Compressor(name, f"zstd {zstd.zstd_version} level 9", "zstd", 4 << 20, compress, expand)


_COMPRESSORS: dict[str, Callable[[str], Compressor]] = {
    "gzip": _libdeflate(6),
    "fast": _isal,
    "small": _libdeflate(12),
    "zstd": _zstd,
}
NAMES = tuple(_COMPRESSORS)


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def decompress(stream: BinaryIO) -> Iterator[bytes]:
    """Yield a stream's uncompressed bytes in chunks of at most 1 MiB; what it is, its first bytes say.

    Raises:
        FormatError: the data is damaged, cut short or expands beyond all measure.
    """
    head = stream.read(_READ)
    while 0 < len(head) < _LONGEST and (more := stream.read(_READ)):
        head += more
    kind = "zstd" if _SKIPPABLE.match(head) else ""
    kind = next((kind for magic, kind in _HEADERS if head.startswith(magic)), kind)
    if kind:
        yield from _bounded(_members(kind, head, stream))
        return
    while head:
        yield head
        head = stream.read(_WRITE)


def _bounded(parts: Iterator[tuple[int, bytes]]) -> Iterator[bytes]:
    total = 0
    for taken, part in parts:
        total += len(part)
        if total > _RATIO_FREE and total > taken * _RATIO_LIMIT:
            raise FormatError(f"cannot decompress: {taken} bytes expand to more than {total} (a decompression bomb)")
        yield part


def _members(kind: str, data: bytes, stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    taken = len(data)
    while data:
        member = _decompressor(kind)
        while not member.eof:
            with _translated():
                part = member.decompress(data, _WRITE)
            data = b""
            if part:
                yield taken, part
            if member.needs_input and not member.eof:
                data = _more(stream, kind)
                taken += len(data)
        data = member.unused_data.lstrip(b"\0")
        while not data and (more := stream.read(_READ)):
            taken += len(more)
            data = more.lstrip(b"\0")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if not isinstance(error, (OSError, ValueError, RuntimeError, EOFError)) and type(error).__name__ not in _ERRORS:
            raise
        raise FormatError(f"cannot decompress: {error}") from error


def _more(stream: BinaryIO, kind: str) -> bytes:
    data = stream.read(_READ)
    if not data:
        raise FormatError(f"cannot decompress: the {kind} data is cut short")
    return data


def _decompressor(kind: str) -> _Decompressor:
    if kind == "xz":
        return _xz()
    if kind == "gzip":
        from isal import igzip_lib  # noqa: PLC0415 - start-up time

        return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    if kind == "zstd":
        from backports import zstd  # noqa: PLC0415 - start-up time

        return zstd.ZstdDecompressor()
    import bz2  # noqa: PLC0415 - start-up time

    return bz2.BZ2Decompressor()


def _xz() -> _Decompressor:
    # The same library, newer: twice as fast, equal bytes.
    try:
        import lzma_mt  # noqa: PLC0415 - an optional extra
    except ImportError:
        import lzma  # noqa: PLC0415 - start-up time

        return lzma.LZMADecompressor()
    return lzma_mt.LZMADecompressor()
