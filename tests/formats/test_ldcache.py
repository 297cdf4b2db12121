"""The loader's cache: chosen and written as ldconfig does it, and read back."""

import base64
import platform
import re
import shutil
import struct
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulators.elf_maker import make

from nosh.formats import ldcache
from nosh.formats.ldcache import Cache, Library
from nosh.values.binary import Binary
from nosh.values.errors import FormatError

GENERATOR = "ldconfig (Debian GLIBC 2.41-12+deb13u5) stable release version 2.41"
MULTIARCH = "usr/lib/x86_64-linux-gnu"


def library(soname: str = "", *, machine: int = 62, bits: int = 64, isa: int = 0) -> Binary:
    return Binary(bits=bits, little=True, machine=machine, type=3, dynamic=True, soname=soname, isa=isa)


# What ldconfig of Debian 13 (glibc 2.41) wrote for this tree.
TREE: dict[str, Binary | str] = {
    "lib": "usr/lib",
    f"{MULTIARCH}/libone.so.1.2": library("libone.so.1"),
    f"{MULTIARCH}/libone.so.1": "libone.so.1.2",
    f"{MULTIARCH}/libtwo-9.so": library("libtwo-9.so"),
    f"{MULTIARCH}/libtwo-10.so": library("libtwo-10.so"),
    f"{MULTIARCH}/glibc-hwcaps/x86-64-v3/libone.so.1.2": library("libone.so.1", isa=7),
    "usr/local/lib/libone.so.1": library("libone.so.1"),
}
CONFIGURATION = {
    "etc/ld.so.conf": "include /etc/ld.so.conf.d/*.conf\n",
    "etc/ld.so.conf.d/x.conf": "# one\n/usr/local/lib\n",
}
WRITTEN = base64.b64decode(
    "Z2xpYmMtbGQuc28uY2FjaGUxLjEFAAAAxwAAAAIAAABwAQAAAAAAAAAAAAAAAAAAAwMAAOAAAADKAAAAAAAAAAAAAAAAAAAAAwMAAL4AAACoAAAAAAAAAAAAAAAA"
    "AAAAAwMAAGMBAAD3AAAAAAAAAAAAAAACAABAAwMAAGMBAABUAQAAAAAAAAAAAAAAAAAAAwMAAGMBAAAyAQAAAAAAAAAAAAAAAAAAL2xpYi94ODZfNjQtbGludXgt"
    "Z251L2xpYnR3by05LnNvAC9saWIveDg2XzY0LWxpbnV4LWdudS9saWJ0d28tMTAuc28AeDg2LTY0LXYzAC9saWIveDg2XzY0LWxpbnV4LWdudS9nbGliYy1od2Nh"
    "cHMveDg2LTY0LXYzL2xpYm9uZS5zby4xLjIAL2xpYi94ODZfNjQtbGludXgtZ251L2xpYm9uZS5zby4xAC91c3IvbG9jYWwvbGliL2xpYm9uZS5zby4xAAB0IaTq"
    "AgAAAAAAAAAAAAAAnAEAAEMAAAABAAAAAAAAAJgBAAAEAAAA7QAAAGxkY29uZmlnIChEZWJpYW4gR0xJQkMgMi40MS0xMitkZWIxM3U1KSBzdGFibGUgcmVsZWFz"
    "ZSB2ZXJzaW9uIDIuNDE="
)


def test_a_tree_gives_the_bytes_that_ldconfig_wrote() -> None:
    directories = [
        *ldcache.configured_directories(CONFIGURATION),
        *ldcache.system_directories("x86_64-linux-gnu"),
    ]
    chosen = ldcache.select(TREE, directories, architecture="amd64")
    assert ldcache.write(chosen.libraries, generator=GENERATOR) == WRITTEN


def test_what_ldconfig_wrote_is_read() -> None:
    folder = "/lib/x86_64-linux-gnu"
    special = f"{folder}/glibc-hwcaps/x86-64-v3/libone.so.1.2"
    assert ldcache.read(WRITTEN) == Cache(
        (
            Library("libtwo-10.so", f"{folder}/libtwo-10.so", 0x303),
            Library("libtwo-9.so", f"{folder}/libtwo-9.so", 0x303),
            Library("libone.so.1", special, 0x303, "x86-64-v3", 2),
            Library("libone.so.1", "/usr/local/lib/libone.so.1", 0x303),
            Library("libone.so.1", f"{folder}/libone.so.1", 0x303),
        ),
        GENERATOR,
    )


def test_a_cache_inside_of_the_older_format_is_read() -> None:
    older = b"ld.so-1.7.0\0" + struct.pack("<I", 0)
    assert ldcache.read(older + WRITTEN) == ldcache.read(WRITTEN)


@dataclass(frozen=True)
class Case:
    summary: str
    files: dict[str, Binary | str]
    entries: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)


CASES = (
    Case("an empty tree has no libraries", {}),
    Case(
        "a library is found by its soname, not by the name of its file",
        {"usr/lib/liba.so.1.2.3": library("liba.so.1"), "usr/lib/liba.so.1": "liba.so.1.2.3"},
        {"liba.so.1": "/usr/lib/liba.so.1"},
    ),
    Case(
        "a missing link to the soname is made, and the cache counts on it",
        {"usr/lib/liba.so.1.2.3": library("liba.so.1")},
        {"liba.so.1": "/usr/lib/liba.so.1"},
        {"usr/lib/liba.so.1": "liba.so.1.2.3"},
    ),
    Case(
        "of two files for a soname the higher number wins, and the link is turned",
        {
            "usr/lib/liba.so.1.9": library("liba.so.1"),
            "usr/lib/liba.so.1.10": library("liba.so.1"),
            "usr/lib/liba.so.1": "liba.so.1.9",
        },
        {"liba.so.1": "/usr/lib/liba.so.1"},
        {"usr/lib/liba.so.1": "liba.so.1.10"},
    ),
    Case(
        "the link for compilers is an entry of its own",
        {"usr/lib/liba.so.1": library("liba.so.1"), "usr/lib/liba.so": "liba.so.1"},
        {"liba.so.1": "/usr/lib/liba.so.1", "liba.so": "/usr/lib/liba.so"},
    ),
    Case(
        "a link with another name counts as a file of the soname",
        {"usr/lib/libb.so": "liba.so.1", "usr/lib/liba.so.1": library("liba.so.1")},
        {"liba.so.1": "/usr/lib/liba.so.1"},
    ),
    Case(
        "a library without a soname is found by its name",
        {"usr/lib/liba.so": library()},
        {"liba.so": "/usr/lib/liba.so"},
    ),
    Case(
        "other names, programs, static programs and other machines are passed by",
        {
            "usr/lib/module.so": library("module.so"),
            "usr/lib/liba.a": library("liba.so.1"),
            "usr/lib/libb.so": replace(library("libb.so"), type=2),
            "usr/lib/libc.so": replace(library("libc.so"), dynamic=False),
            "usr/lib/libd.so": library("libd.so", machine=183),
            "usr/lib/libe.so": replace(library("libe.so"), little=False),
            "usr/lib/sub/libf.so": library("libf.so"),
            "usr/lib/libg.so.1.dpkg-new": library("libg.so.1"),
        },
    ),
    Case(
        "dangling and circular links are passed by",
        {"usr/lib/liba.so.1": "nowhere", "usr/lib/libb.so.1": "libc.so.1", "usr/lib/libc.so.1": "libb.so.1"},
    ),
    Case(
        "absolute links are followed within the tree",
        {"usr/lib/liba.so.1": "/opt/a/liba.so.1.0", "opt/a/liba.so.1.0": library("liba.so.1")},
        {"liba.so.1": "/usr/lib/liba.so.1"},
    ),
    Case(
        "folders that are one through a link count once, by the first name",
        {"lib": "usr/lib", f"{MULTIARCH}/libc.so.6": library("libc.so.6")},
        {"libc.so.6": "/lib/x86_64-linux-gnu/libc.so.6"},
    ),
    Case(
        "a glibc-hwcaps folder names the file itself and gets no links",
        {f"{MULTIARCH}/glibc-hwcaps/x86-64-v2/liba.so.1.2": library("liba.so.1")},
        {"liba.so.1": "/usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v2/liba.so.1.2"},
    ),
    Case(
        "the dynamic linker is a library too",
        {f"{MULTIARCH}/ld-linux-x86-64.so.2": library("ld-linux-x86-64.so.2")},
        {"ld-linux-x86-64.so.2": "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"},
    ),
)


@pytest.mark.parametrize("case", CASES, ids=[case.summary for case in CASES])
def test_which_libraries_stand_in_the_cache(case: Case) -> None:
    directories = ldcache.system_directories("x86_64-linux-gnu")
    chosen = ldcache.select(case.files, directories, architecture="amd64")
    assert {one.soname: one.path for one in chosen.libraries} == case.entries
    assert dict(chosen.links) == case.links


@pytest.mark.parametrize(
    ("architecture", "machine", "bits", "flags", "expected"),
    [
        ("amd64", 62, 64, 0, 0x0303),
        ("amd64", 3, 32, 0, 0x0003),
        ("386", 3, 32, 0, 0x0003),
        ("arm64", 183, 64, 0, 0x0A03),
        ("arm64", 40, 32, 0x05000400, 0x0903),
        ("arm", 40, 32, 0x05000400, 0x0903),
        ("arm", 40, 32, 0x05000200, 0x0B03),
        ("ppc64le", 21, 64, 2, 0x0503),
        ("s390x", 22, 64, 0, 0x0403),
        ("riscv64", 243, 64, 5, 0x1003),
    ],
)
def test_flags_name_the_machine(*, architecture: str, machine: int, bits: int, flags: int, expected: int) -> None:
    one = library("liba.so.1", machine=machine, bits=bits)
    one = replace(one, flags=flags, little=architecture != "s390x")
    chosen = ldcache.select({"usr/lib/liba.so.1": one}, ["/usr/lib"], architecture=architecture)
    assert [entry.flags for entry in chosen.libraries] == [expected]


def test_configured_folders_come_in_the_order_of_their_files() -> None:
    texts = {
        "etc/ld.so.conf": "include ld.so.conf.d/*.conf /etc/more/*\n/first/of/file/ # why\n\n  hwcap 1 nosegneg\n",
        "etc/ld.so.conf.d/b.conf": "/b\n",
        "etc/ld.so.conf.d/a.conf": "  /a/one\t\n#/none\n/a/two",
        "etc/ld.so.conf.d/.hidden.conf": "/hidden\n",
        "etc/ld.so.conf.d/deep/x.conf": "/deep\n",
        "etc/more/m": "include /etc/ld.so.conf\n/more\n",
        "etc/other": "/other\n",
    }
    assert ldcache.configured_directories(texts) == ("/a/one", "/a/two", "/b", "/more", "/first/of/file")
    assert ldcache.configured_directories({}) == ()


def test_the_generator_is_named_by_the_banner_of_the_c_library() -> None:
    banner = b"\0GNU C Library (Debian GLIBC 2.41-12+deb13u5) stable release version 2.41.\nCopyright"
    assert ldcache.generator_of(memoryview(banner)) == GENERATOR
    with pytest.raises(FormatError, match="no banner of glibc"):
        ldcache.generator_of(b"musl libc (x86_64)\nVersion 1.2.5\n")


_name = st.text(st.sampled_from("ab19.-+é/"), min_size=1, max_size=12)
_library = st.builds(Library, soname=_name, path=_name, flags=st.integers(0, 2**32 - 1)) | st.builds(
    Library,
    soname=_name,
    path=_name,
    flags=st.sampled_from((0x303, 0x3)),
    hwcaps=_name,
    level=st.integers(0, 31),
)


@given(libraries=st.lists(_library, max_size=8), big=st.booleans())
def test_what_was_written_is_read_back_and_written_again(*, libraries: list[Library], big: bool) -> None:
    data = ldcache.write(libraries, generator=GENERATOR, big=big)
    cache = ldcache.read(data)
    assert sorted(map(repr, cache.libraries)) == sorted(map(repr, libraries))
    assert cache.generator == GENERATOR
    assert ldcache.write(cache.libraries, generator=GENERATOR, big=big) == data


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(WRITTEN) - 1), st.binary(min_size=1, max_size=4)), min_size=1))
def test_a_damaged_cache_is_read_or_refused_and_nothing_else(changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(WRITTEN)
    for place, value in changes:
        data[place : place + len(value)] = value
    with suppress(FormatError):
        ldcache.read(bytes(data))


def test_every_shorter_cache_is_refused_or_lacks_only_its_generator() -> None:
    for size in range(len(WRITTEN) - len(GENERATOR)):
        with pytest.raises(FormatError):
            ldcache.read(WRITTEN[:size])


def test_names_that_lie_on_each_other_are_refused() -> None:
    count, length = 2000, 60000
    head = struct.pack("<20sIIB3xI12x", b"glibc-ld.so.cache1.1", count, length, 2, 0)
    start = 48 + 24 * count
    rows = b"".join(struct.pack("<IIIIQ", 3, start + row, start + row, 0, 0) for row in range(count))
    with pytest.raises(FormatError, match="too long"):
        ldcache.read(head + rows + b"a" * length + b"\0")


LDCONFIG = shutil.which("ldconfig", path="/sbin:/usr/sbin:/bin:/usr/bin")
_MACHINES = {
    "x86_64": ("amd64", 62, "x86_64-linux-gnu"),
    "aarch64": ("arm64", 183, "aarch64-linux-gnu"),
}


def _generator() -> str:
    """Return how this machine's ldconfig names itself, or nothing if it writes another format."""
    if not LDCONFIG or platform.machine() not in _MACHINES:
        return ""
    said = subprocess.run([LDCONFIG, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"ldconfig (\(.*\)) (2\.(\d+))\n", said)
    return f"ldconfig {found[1]} stable release version {found[2]}" if found and int(found[3]) >= 36 else ""


HERE = _generator()
needs_ldconfig = pytest.mark.skipif(not HERE, reason="needs ldconfig of glibc 2.36 or newer, on x86-64 or 64-bit ARM")


def _lay(root: Path, files: dict[str, Binary | str]) -> None:
    for path, content in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            place.symlink_to(content)
        else:
            place.write_bytes(make(content))


def _ours_and_real(root: Path, files: dict[str, Binary | str], texts: dict[str, str]) -> tuple[bytes, bytes]:
    architecture, _, triplet = _MACHINES[platform.machine()]
    _lay(root, files)
    for path, text in ({"etc/ld.so.conf": ""} | texts).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    subprocess.run([str(LDCONFIG), "-r", str(root)], check=True, capture_output=True, env={"LC_ALL": "C"})
    directories = [*ldcache.configured_directories(texts), *ldcache.system_directories(triplet)]
    chosen = ldcache.select(files, directories, architecture=architecture)
    return ldcache.write(chosen.libraries, generator=HERE), (root / ldcache.PATH).read_bytes()


@needs_ldconfig
@pytest.mark.parametrize("case", CASES, ids=[case.summary for case in CASES])
def test_the_real_ldconfig_decides_the_same(case: Case, tmp_path: Path) -> None:
    machine = _MACHINES[platform.machine()][1]
    # Only x86 minds the machine of a library, and 2.36 does not yet know the names of half-installed files.
    files = {
        path: replace(one, machine=machine) if isinstance(one, Binary) else one
        for path, one in case.files.items()
        if not path.endswith((".dpkg-new", "libd.so"))
    }
    texts = {"etc/ld.so.conf": f"/lib/x86_64-linux-gnu\n/{MULTIARCH}\n/lib\n"}
    ours, real = _ours_and_real(tmp_path, files, texts)
    assert ours == real
    assert {path: str((tmp_path / path).readlink()) for path in case.links} == case.links


@st.composite
def _trees(draw: st.DrawFn) -> dict[str, Binary | str]:
    machine = _MACHINES[platform.machine()][1]
    folders = (
        "usr/local/lib",
        "usr/lib",
        MULTIARCH,
        "opt/lib",
        "opt/lib/glibc-hwcaps/one",
        f"{MULTIARCH}/glibc-hwcaps/two",
    )
    files: dict[str, Binary | str] = {"lib": "usr/lib"} if draw(st.booleans()) else {}
    for folder in draw(st.lists(st.sampled_from(folders), min_size=1, max_size=8)):
        stem = draw(st.sampled_from(("liba", "libab", "lib9", "lib10", "libx+y", "ld-a")))
        major, minor = draw(st.tuples(st.integers(1, 11), st.integers(1, 11)))
        name = f"{stem}.so.{major}.{minor}"
        soname = draw(st.sampled_from(("", f"{stem}.so.{major}", f"{stem}.so.{major}", name)))
        files.setdefault(f"{folder}/{name}", library(soname, machine=machine, isa=draw(st.sampled_from((0, 1, 3, 7)))))
        for link in draw(st.lists(st.sampled_from((f"{stem}.so", f"{stem}.so.{major}", "libother.so")), max_size=2)):
            files.setdefault(f"{folder}/{link}", name)
    return files


@needs_ldconfig
@settings(max_examples=60, deadline=None)
@given(_trees())
def test_the_real_ldconfig_writes_the_same_for_any_tree(files: dict[str, Binary | str]) -> None:
    texts = {
        "etc/ld.so.conf": "include /etc/ld.so.conf.d/*\n",
        "etc/ld.so.conf.d/a": f"/opt/lib\n/usr/local/lib\n/{MULTIARCH}\n",
    }
    with tempfile.TemporaryDirectory() as root:
        ours, real = _ours_and_real(Path(root), files, texts)
    assert ours == real
