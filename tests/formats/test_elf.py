"""Reading ELF files: what was made is read back, real programs agree, damage is refused."""

import itertools
import json
import mmap
import struct
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulators.elf_maker import make

from nosh.formats import elf
from nosh.values.binary import Binary, pack, unpack
from nosh.values.errors import FormatError

LIBRARY = Binary(
    bits=64,
    little=True,
    machine=62,
    type=3,
    dynamic=True,
    interpreter="/lib64/ld-linux-x86-64.so.2",
    soname="libone.so.1",
    needed=("libtwo.so.2", "libc.so.6"),
    rpath=("/opt/lib",),
    runpath=("$ORIGIN/../lib", "/usr/local/lib"),
    verneed=(("libtwo.so.2", ("TWO_1", "TWO_2")), ("libc.so.6", ("GLIBC_2.34",))),
    verdef=("ONE_1", "ONE_1.1"),
    isa=3,
)

_name = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x17F, exclude_characters=":"),
    min_size=1,
    max_size=80,
)
_names = st.lists(_name, max_size=4).map(tuple)
_dynamic = st.builds(
    Binary,
    bits=st.sampled_from((32, 64)),
    little=st.booleans(),
    machine=st.sampled_from((3, 62)),
    type=st.integers(1, 4),
    flags=st.integers(0, 2**32 - 1),
    dynamic=st.just(value=True),
    interpreter=st.one_of(st.just(""), _name),
    soname=st.one_of(st.just(""), _name),
    needed=_names,
    rpath=_names,
    runpath=_names,
    verneed=st.lists(st.tuples(_name, st.lists(_name, min_size=1, max_size=3).map(tuple)), max_size=3, unique=True).map(
        tuple
    ),
    verdef=_names,
    isa=st.integers(0, 2**32 - 1),
)


@given(binary=_dynamic)
def test_what_was_made_is_read_back(binary: Binary) -> None:
    assert elf.read(make(binary)) == binary


def test_an_x86_level_that_the_loader_is_not_shown_does_not_count() -> None:
    assert elf.read(make(LIBRARY, isa_segment=False)).isa == 0


@given(_dynamic)
def test_a_record_gives_the_same_binary_back(binary: Binary) -> None:
    assert unpack(json.loads(json.dumps(pack(binary)))) == binary


@pytest.mark.parametrize("record", [None, 5, [], [1, 2, 3], "text", [None] * 14])
def test_another_record_is_refused(record: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        unpack(record)


@pytest.mark.parametrize(
    ("machine", "bits", "little", "architecture"),
    [
        (62, 64, True, "amd64"),
        (3, 32, True, "386"),
        (183, 64, True, "arm64"),
        (40, 32, True, "arm"),
        (21, 64, True, "ppc64le"),
        (22, 64, False, "s390x"),
        (243, 64, True, "riscv64"),
        (21, 64, False, "machine 21"),
        (62, 32, True, "machine 62"),
    ],
)
def test_machines_have_the_names_of_oci(*, machine: int, bits: int, little: bool, architecture: str) -> None:
    binary = Binary(bits, little, machine, 3)
    assert elf.read(make(binary)) == binary
    assert binary.architecture == architecture


def test_a_file_without_a_dynamic_section_needs_nothing() -> None:
    static = Binary(bits=64, little=True, machine=62, type=2, flags=0)
    assert elf.read(make(static)) == static


def test_a_long_search_path_is_read_whole() -> None:
    folders = tuple(f"/nix/store/{number:032d}/lib" for number in range(100))
    assert elf.read(make(replace(LIBRARY, runpath=folders))).runpath == folders


@pytest.mark.skipif(sys.platform != "linux", reason="needs a program in ELF format")
def test_the_running_python_is_read_from_a_map_without_copying_it() -> None:
    with Path(sys.executable).resolve().open("rb") as file:
        assert elf.is_elf(file.read(4))
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
            binary = elf.read(view)
    assert binary.bits == (64 if sys.maxsize > 2**32 else 32)
    assert binary.interpreter.startswith("/lib")
    assert any(library.startswith("libc.") for library in binary.needed)
    assert not binary.soname


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="no bytes at all"),
        pytest.param(b"\x7fELF", id="the magic number only"),
        pytest.param(b"#!/bin/sh\n" * 20, id="another format"),
        pytest.param(b"\x7fELF\x03\x01\x01" + bytes(200), id="a word size that does not exist"),
        pytest.param(b"\x7fELF\x02\x03\x01" + bytes(200), id="a byte order that does not exist"),
    ],
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="cannot read ELF file: "):
        elf.read(data)


def test_every_shorter_file_is_refused() -> None:
    whole = make(LIBRARY)
    for size in range(len(whole)):
        with pytest.raises(FormatError):
            elf.read(whole[:size])


def _mutate(data: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    out = bytearray(data)
    for place, value in changes:
        at = place % len(out)
        out[at : at + len(value)] = value[: len(out) - at]
    return bytes(out)


_places = st.integers(0, 2**20)
_values = st.one_of(
    st.binary(min_size=1, max_size=8),
    st.sampled_from((b"\xff" * 8, b"\xff" * 4, bytes(8), b"\xf8" + b"\xff" * 7, b"\x01\0\0\0")),
)


def _samples() -> list[bytes]:
    made = [make(LIBRARY), make(replace(LIBRARY, bits=32, little=False))]
    program = Path("/bin/true")
    real = program.read_bytes() if program.exists() else b""
    return [*made, real] if elf.is_elf(real) else made


SAMPLES = _samples()


@settings(max_examples=500)
@given(st.sampled_from(range(len(SAMPLES))), st.lists(st.tuples(_places, _values), min_size=1, max_size=6))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(number: int, changes: list[tuple[int, bytes]]) -> None:
    with suppress(FormatError):
        assert isinstance(elf.read(_mutate(SAMPLES[number], changes)), Binary)


def test_every_byte_of_the_headers_may_be_wrong() -> None:
    for sample in SAMPLES:
        for place, value in itertools.product(range(min(len(sample), 900)), (0x00, 0x7F, 0xFF)):
            with suppress(FormatError):
                elf.read(_mutate(sample, [(place, bytes([value]))]))


def test_versions_that_are_claimed_again_and_again_take_little_time() -> None:
    count = 3000
    libraries = (("a", ("V",)),) * count + (("last", ("W",) * count),)
    data = bytearray(make(Binary(bits=64, little=True, machine=62, type=3, dynamic=True, verneed=libraries)))
    # The records stand right behind two program headers, 32 bytes for a library with one version.
    start = 64 + 2 * 56
    for number in range(count):
        # Each library claims the thousands of versions of the last one: nine million names in a small file.
        struct.pack_into("<H", data, start + 32 * number + 2, count)
        struct.pack_into("<I", data, start + 32 * number + 8, 32 * (count - number) + 16)
    begin = time.perf_counter()
    with pytest.raises(FormatError, match="too many"):
        elf.read(bytes(data))
    assert time.perf_counter() - begin < 1
