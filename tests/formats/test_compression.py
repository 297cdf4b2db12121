"""Compressors give what they got, always by the same bytes; decompressing takes all there is and refuses damage."""

import bz2
import gzip
import hashlib
import io
import lzma
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import cache

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulators.samples import sample

from nosh.formats import compression
from nosh.formats.compression import Compressor
from nosh.values.errors import FormatError, UsageError

# Layers have these bytes' digests in them: a library that changes one of them must be known by another version.
GOLDEN = {
    "gzip": (
        "libdeflate 0.9.0 level 6",
        "13dfc064b373107a27a5c4957d93aa719338136cc40938b6f0763de1f2b7f73c",
    ),
    "fast": (
        "isa-l 2.32.1 level 2",
        "bc8ffe1b363006abc58e28337f93dcd8dfc02afb620c4e600c9d30240bb760f4",
    ),
    "small": (
        "libdeflate 0.9.0 level 12",
        "fee5235958a1ae9a4f55b6644d1cac39be95e99f535b378aabf41c8306c90603",
    ),
    "zstd": (
        "zstd 1.5.7 level 9",
        "9eda3ee20c9f2f0f7869645fb07f379e5138628aeac9003888936e68e3d401d2",
    ),
}
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 6, mtime=0),
    "xz": lzma.compress,
    "zstd": lambda data: bytes(zstd.compress(data)),
    "bzip2": bz2.compress,
}


class Dribble(io.RawIOBase):
    """A stream that gives a few bytes at a time, as a pipe may."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__()
        self._data, self._step = io.BytesIO(data), step

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type] # the type of buffers has no name before Python 3.12
        data = self._data.read(min(self._step, len(view)))
        view[: len(data)] = data
        return len(data)


def expand(data: bytes) -> bytes:
    return b"".join(compression.decompress(io.BytesIO(data)))


@cache
def compressor(name: str) -> Compressor:
    return compression.compressor(name)


def test_all_compressors_are_known_by_name() -> None:
    assert tuple(GOLDEN) == compression.NAMES
    with pytest.raises(UsageError, match="cannot compress with 'rar'") as caught:
        compression.compressor("rar")
    assert caught.value.hint == "one of gzip, fast, small, zstd"


@pytest.mark.parametrize("name", GOLDEN)
def test_the_bytes_of_a_version_never_change(name: str) -> None:
    packed = compressor(name).compress(sample(200_000))
    assert (compressor(name).version, hashlib.sha256(packed).hexdigest()) == GOLDEN[name]


@pytest.mark.parametrize("name", GOLDEN)
@given(data=st.binary(max_size=5000))
def test_a_compressor_expands_what_it_made(name: str, data: bytes) -> None:
    one = compressor(name)
    packed = one.compress(data)
    assert bytes(one.expand(packed, one.member)) == data
    assert expand(packed) == data


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_the_kind_of_buffer_does_not_matter(name: str, kind: type[bytes]) -> None:
    data = sample(10_000)
    assert compressor(name).compress(kind(data)) == compressor(name).compress(data)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_whole_member_is_expanded(name: str) -> None:
    one = compressor(name)
    data = (sample(64 << 10) * (one.member >> 16))[: one.member]
    assert bytes(one.expand(one.compress(data), one.member)) == data


@pytest.mark.parametrize("name", GOLDEN)
@given(parts=st.lists(st.binary(max_size=2000), min_size=1, max_size=4))
def test_members_follow_one_another(name: str, parts: list[bytes]) -> None:
    """RFC 1952 §2.2: 'A gzip file consists of a series of "members"'; RFC 8878 §3: 'one or more frames'."""
    assert expand(b"".join(compressor(name).compress(part) for part in parts)) == b"".join(parts)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_gzip_member_names_no_time_and_no_file(name: str) -> None:
    packed = compressor(name).compress(b"x")
    if compressor(name).format == "gzip":
        assert packed[3:8] == bytes(5)


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda packed: packed[:0], id="nothing"),
        pytest.param(lambda packed: packed[:3], id="a few bytes"),
        pytest.param(lambda packed: packed[:-5], id="cut short"),
        pytest.param(lambda packed: packed[::-1], id="something else"),
    ],
)
def test_a_damaged_member_is_refused(name: str, spoil: Callable[[bytes], bytes]) -> None:
    one = compressor(name)
    with pytest.raises(FormatError, match="cannot decompress: "):
        one.expand(spoil(one.compress(sample(5000))), one.member)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_member_with_more_than_it_may_have_is_refused(name: str) -> None:
    one = compressor(name)
    with pytest.raises(FormatError, match="cannot decompress: "):
        one.expand(one.compress(b"x" * 5000), 4999)


@pytest.mark.parametrize("name", GOLDEN)
@given(changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=3))
def test_a_changed_member_gives_format_errors_and_nothing_else(name: str, changes: list[tuple[int, int]]) -> None:
    one = compressor(name)
    packed = bytearray(one.compress(sample(3000)))
    for place, value in changes:
        packed[place % len(packed)] = value
    with suppress(FormatError):
        assert len(one.expand(bytes(packed), one.member)) <= one.member


@pytest.mark.parametrize("kind", PACK)
@given(parts=st.lists(st.binary(max_size=2000), min_size=1, max_size=3), padding=st.integers(0, 3))
def test_each_format_is_known_by_its_first_bytes(kind: str, parts: list[bytes], padding: int) -> None:
    """The .xz file format, 2.2: 'Stream Padding MUST contain only null bytes'; gzip(1) lets zeros be, too."""
    packed = (bytes(4 * padding)).join(PACK[kind](part) for part in parts) + bytes(4 * padding)
    assert expand(packed) == b"".join(parts)


@given(data=st.binary(max_size=5000))
def test_what_is_not_compressed_comes_as_it_is(data: bytes) -> None:
    assert expand(b"#" + data) == b"#" + data


def test_nothing_is_nothing() -> None:
    assert expand(b"") == b""


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("step", [1, 5, 1000])
def test_how_the_bytes_arrive_does_not_matter(kind: str, step: int) -> None:
    data = sample(20_000)
    stream = io.BufferedReader(Dribble(PACK[kind](data), step), 1)
    assert b"".join(compression.decompress(stream)) == data
    raw = Dribble(PACK[kind](data), step)
    assert b"".join(compression.decompress(raw)) == data  # type: ignore[arg-type] # a raw stream reads as others do


@pytest.mark.parametrize("kind", PACK)
def test_a_member_after_much_padding_counts(kind: str) -> None:
    packed = PACK[kind](b"one") + bytes(600_000) + PACK[kind](b"two")
    assert expand(packed) == b"onetwo"


def test_what_zstd_lets_skip_is_skipped() -> None:
    """RFC 8878 §3.1.2: 'skippable frames can be placed anywhere'."""
    extra = struct.pack("<II", 0x184D2A5F, 5) + b"extra"
    packed = PACK["zstd"](b"data")
    assert expand(extra + packed + extra + packed + extra) == b"datadata"


@pytest.mark.parametrize("kind", PACK)
def test_chunks_are_of_1_mib_at_most(kind: str) -> None:
    packed = PACK[kind](bytes(5 << 20))
    sizes = [len(chunk) for chunk in compression.decompress(io.BytesIO(packed))]
    assert sum(sizes) == 5 << 20
    assert max(sizes) <= 1 << 20


@pytest.mark.parametrize("kind", PACK)
def test_every_shorter_stream_is_refused(kind: str) -> None:
    packed = PACK[kind](sample(500))
    longest = 6
    for size in range(longest, len(packed)):
        with pytest.raises(FormatError, match="cannot decompress: "):
            expand(packed[:size])


@pytest.mark.parametrize("kind", PACK)
def test_something_else_after_the_data_is_refused(kind: str) -> None:
    with pytest.raises(FormatError, match="cannot decompress: "):
        expand(PACK[kind](b"data") + b"something else")


@pytest.mark.parametrize("kind", PACK)
@settings(deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=3))
def test_damage_gives_format_errors_and_nothing_else(kind: str, changes: list[tuple[int, int]]) -> None:
    packed = bytearray(PACK[kind](sample(3000)))
    for place, value in changes:
        packed[place % len(packed)] = value
    with suppress(FormatError):
        assert sum(map(len, compression.decompress(io.BytesIO(packed)))) <= 4 << 20


@pytest.mark.parametrize(("kind", "frames"), [("zstd", 1), ("zstd", 20), ("bzip2", 60), ("xz", 60)])
def test_a_bomb_is_stopped(kind: str, frames: int) -> None:
    packed = PACK[kind](bytes((640 << 20) // frames)) * frames
    seen = 0
    with pytest.raises(FormatError, match="a decompression bomb"):  # noqa: PT012 - how far it came matters
        for chunk in compression.decompress(io.BytesIO(packed)):
            seen += len(chunk)
    assert seen <= max(256 << 20, 2000 * len(packed))


def test_a_bomb_of_small_frames_is_stopped() -> None:
    """Each frame is read once, however often the rest of the stream is handed on."""
    packed = PACK["zstd"](bytes(128 << 10)) * 8000
    seen = 0
    with pytest.raises(FormatError, match="a decompression bomb"):  # noqa: PT012 - how far it came matters
        for chunk in compression.decompress(io.BytesIO(packed)):
            seen += len(chunk)
    assert seen <= 2000 * len(packed)
