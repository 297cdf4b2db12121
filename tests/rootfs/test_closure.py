"""What programs need of an image is found there the way the loader finds it (ld.so(8)), or it is named."""

from dataclasses import replace

import pytest

from nosh.rootfs import closure
from nosh.rootfs.closure import Missing
from nosh.rootfs.merge import Place
from nosh.values import platform
from nosh.values.binary import Binary
from nosh.values.entry import Entry, Kind
from nosh.values.piece import Node

AMD64 = platform.parse("linux/amd64")
ARM64 = platform.parse("linux/arm64")
LOADER = "/lib64/ld-linux-x86-64.so.2"
LIBRARY = Binary(bits=64, little=True, machine=62, type=3, dynamic=True)
LIBC = replace(LIBRARY, verdef=("GLIBC_2.2.5", "GLIBC_2.9", "GLIBC_2.34", "GLIBC_PRIVATE"))

Content = Binary | str


def hard(target: str) -> str:
    """Return how a table below says that a path is another name of a file."""
    return f"= {target}"


def program(*needed: str, **more: object) -> Binary:
    return replace(LIBRARY, needed=needed, **more)  # type: ignore[arg-type] # the fields of a binary, each of its type


def node(path: str, content: Content) -> Node:
    if isinstance(content, Binary):
        return Node(Entry(path, Kind.FILE, 0o755), "", content)
    kind, target = (Kind.HARDLINK, content[2:]) if content.startswith("= ") else (Kind.SYMLINK, content)
    return Node(Entry(path, kind, 0o777, target=target))


def missing(files: dict[str, Content], checked: str = "app/x", image: platform.Platform = AMD64) -> list[str]:
    """Return what is missing for one file of a tree."""
    nodes = {path: node(path, content) for path, content in files.items()}
    tree = {path: Place("owner", one) for path, one in nodes.items()}
    found = list(closure.check([nodes[checked]], tree, image))
    assert all(one.program == checked for one in found)
    return [one.reason for one in found]


USR = "usr/lib/x86_64-linux-gnu"

FITS: dict[str, dict[str, Content]] = {
    "nothing is needed": {"app/x": program()},
    "a library in the multiarch folder": {"app/x": program("liba.so.1"), f"{USR}/liba.so.1": LIBRARY},
    "a library in /lib": {"app/x": program("liba.so.1"), "lib/x86_64-linux-gnu/liba.so.1": LIBRARY},
    "a library in /usr/local/lib": {"app/x": program("liba.so.1"), "usr/local/lib/liba.so.1": LIBRARY},
    "a library that is a link": {
        "app/x": program("liba.so.1"),
        f"{USR}/liba.so.1": "liba.so.1.2",
        f"{USR}/liba.so.1.2": LIBRARY,
    },
    "a library that is a link of links": {
        "app/x": program("liba.so.1"),
        f"{USR}/liba.so.1": "/etc/alternatives/liba",
        "etc/alternatives/liba": "../../opt/liba/current/liba.so",
        "opt/liba/current": "v1/../v2",
        "opt/liba/v2/liba.so": LIBRARY,
    },
    "a library that is another name of a file": {
        "app/x": program("liba.so.1"),
        f"{USR}/liba.so.1": hard("opt/liba.so"),
        "opt/liba.so": LIBRARY,
    },
    "a folder that is a link": {"app/x": program("liba.so.1"), "lib": "usr/lib", f"{USR}/liba.so.1": LIBRARY},
    "a link that climbs above the root": {
        "app/x": program("liba.so.1"),
        f"{USR}/liba.so.1": "../../../../../opt/liba.so",
        "opt/liba.so": LIBRARY,
    },
    "RUNPATH with $ORIGIN": {"app/x": program("liba.so", runpath=("$ORIGIN/lib",)), "app/lib/liba.so": LIBRARY},
    "RUNPATH with ${ORIGIN} and a way up": {
        "app/x": program("liba.so", runpath=("${ORIGIN}/../lib",)),
        "lib/liba.so": LIBRARY,
    },
    "RUNPATH's second folder": {"app/x": program("liba.so", runpath=("/a", "/b")), "b/liba.so": LIBRARY},
    "RPATH": {"app/x": program("liba.so", rpath=("/opt/lib",)), "opt/lib/liba.so": LIBRARY},
    "a library by its path": {"app/x": program("/opt/liba.so"), "opt/liba.so": LIBRARY},
    "a loader": {"app/x": program(interpreter=LOADER), "lib64/ld-linux-x86-64.so.2": LIBRARY},
    "a loader behind a link": {
        "app/x": program(interpreter=LOADER),
        "lib64": "usr/lib64",
        "usr/lib64/ld-linux-x86-64.so.2": "../lib/ld.so",
        "usr/lib/ld.so": LIBRARY,
    },
    "versions of symbols": {
        "app/x": program("libc.so.6", verneed=(("libc.so.6", ("GLIBC_2.9", "GLIBC_2.34")),)),
        f"{USR}/libc.so.6": LIBC,
    },
    "versions of a library that has none": {
        "app/x": program("libc.so.6", verneed=(("libc.so.6", ("GLIBC_2.9",)),)),
        f"{USR}/libc.so.6": LIBRARY,
    },
    "a library of the wrong machine before the right one": {
        "app/x": program("liba.so"),
        "lib/x86_64-linux-gnu/liba.so": replace(LIBRARY, machine=183),
        f"{USR}/liba.so": LIBRARY,
    },
    "a script": {"app/x": "../bin/y"},
}


@pytest.mark.parametrize("summary", FITS)
def test_what_fits(summary: str) -> None:
    assert missing(FITS[summary]) == []


LACKS: dict[str, tuple[dict[str, Content], list[str]]] = {
    "a library that is not there": ({"app/x": program("liba.so.1")}, ["needs liba.so.1"]),
    "two of three": (
        {"app/x": program("liba.so", "libb.so", "libc.so"), "usr/lib/libb.so": LIBRARY},
        ["needs liba.so", "needs libc.so"],
    ),
    "a library in a folder that is not searched": (
        {"app/x": program("liba.so"), "app/liba.so": LIBRARY},
        ["needs liba.so"],
    ),
    "a link to nothing": ({"app/x": program("liba.so"), f"{USR}/liba.so": "nowhere"}, ["needs liba.so"]),
    "a link to itself": ({"app/x": program("liba.so"), f"{USR}/liba.so": "liba.so"}, ["needs liba.so"]),
    "links in a circle": (
        {"app/x": program("liba.so"), f"{USR}/liba.so": "/a", "a": "b", "b": f"{USR}/liba.so"},
        ["needs liba.so"],
    ),
    "RPATH beside RUNPATH": (
        {"app/x": program("liba.so", rpath=("/a",), runpath=("/b",)), "a/liba.so": LIBRARY},
        ["needs liba.so"],
    ),
    "a library of the wrong machine only": (
        {"app/x": program("liba.so"), f"{USR}/liba.so": replace(LIBRARY, machine=183)},
        ["needs liba.so"],
    ),
    "a library of 32 bits": (
        {"app/x": program("liba.so"), f"{USR}/liba.so": replace(LIBRARY, bits=32)},
        ["needs liba.so"],
    ),
    "a loader that is not there": ({"app/x": program("liba.so", interpreter=LOADER)}, [f"needs the loader {LOADER}"]),
    "another machine": (
        {"app/x": replace(program("liba.so"), machine=183)},
        ["is for arm64, and the image is for amd64"],
    ),
    "another word size": (
        {"app/x": replace(program(), bits=32, machine=3)},
        ["is for 386, and the image is for amd64"],
    ),
    "a newer libc": (
        {
            "app/x": program("libc.so.6", verneed=(("libc.so.6", ("GLIBC_2.9", "GLIBC_2.38", "GLIBC_2.39")),)),
            f"{USR}/libc.so.6": LIBC,
        },
        ["needs GLIBC_2.38, GLIBC_2.39 of libc.so.6, which goes up to GLIBC_2.34 in the image"],
    ),
    "versions of another family": (
        {
            "app/x": program("liba.so", verneed=(("liba.so", ("OTHER_1.0",)),)),
            f"{USR}/liba.so": LIBC,
        },
        ["needs OTHER_1.0 of liba.so, which goes up to none in the image"],
    ),
}


@pytest.mark.parametrize("summary", LACKS)
def test_what_is_missing_is_named(summary: str) -> None:
    files, reasons = LACKS[summary]
    assert missing(files) == reasons


def test_what_is_absent_altogether_is_told_apart() -> None:
    files = {
        "x": program("liba.so", "libc.so.6", verneed=(("libc.so.6", ("GLIBC_9",)),)),
        f"{USR}/libc.so.6": LIBC,
        "y": program(interpreter="/ld.so"),
    }
    tree = {path: Place("owner", node(path, content)) for path, content in files.items()}
    assert list(closure.check([place.node for place in tree.values()], tree, AMD64)) == [
        Missing("x", "liba.so", "needs liba.so", absent=True),
        Missing("x", "libc.so.6", "needs GLIBC_9 of libc.so.6, which goes up to GLIBC_2.34 in the image", absent=False),
        Missing("y", "/ld.so", "needs the loader /ld.so", absent=True),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "app/node_modules/a/prebuilds/darwin-arm64/a.node",
        "app/node_modules/a/prebuilds/win32-x64/a.node",
        "app/node_modules/a/prebuilds/linux-arm64/a.node",
        "app/node_modules/a/prebuilds/linux-arm/a.node",
        "app/node_modules/a/prebuilds/linux-x64/a.musl.node",
        "app/node_modules/a/a.linux-x64-musl.node",
        "app/node_modules/a/a.linux-arm64-gnu.node",
        "app/node_modules/@a/linuxmusl-x64/lib/a.node",
        "app/node_modules/@esbuild/linux-s390x/bin/esbuild",
        "app/node_modules/@a/a-linux-ia32/a",
        "app/node_modules/a/lib/binding/napi-v6-linux-glibc-arm64/a.node",
        "app/node_modules/a/lib/binding/napi-v6-linux-musl-x64/a.node",
        "app/node_modules/a/lib/binding/napi-v6-darwin-unknown-x64/a.node",
        "app/lib/_a.cpython-313-x86_64-linux-musl.so",
        "opt/x86_64-linux-musl/a",
    ],
)
def test_builds_for_other_systems_are_passed_over(path: str) -> None:
    assert missing({path: program("liba.so")}, path) == []
    assert missing({path: replace(program(), machine=243)}, path) == []


@pytest.mark.parametrize(
    "path",
    [
        "app/node_modules/a/build/Release/a.node",
        "app/node_modules/a/prebuilds/linux-x64/a.node",
        "app/node_modules/a/prebuilds/linux-x64/a.glibc.node",
        "app/node_modules/a/a.linux-x64-gnu.node",
        "app/node_modules/@esbuild/linux-x64/bin/esbuild",
        "app/node_modules/a/lib/binding/napi-v6-linux-glibc-x64/a.node",
        "app/node_modules/a/lib/binding/node-v93-linux-unknown-x64/a.node",
        "app/native/linux-x86_64/liba.so",
        "app/native/linux_amd64/a",
        "app/lib/python3/site-packages/_a.cpython-313-x86_64-linux-gnu.so",
        "usr/lib/x86_64-linux-gnu/libb.so.1",
        "app/linux/a",
        "app/musician/a",
    ],
)
def test_builds_for_this_system_are_checked(path: str) -> None:
    assert missing({path: program("liba.so")}, path) == ["needs liba.so"]


def test_what_is_this_system_depends_on_the_image() -> None:
    there = "app/prebuilds/linux-arm64/a.node"
    binary = replace(program("liba.so"), machine=183)
    assert missing({there: binary}, there, ARM64) == ["needs liba.so"]
    assert missing({there: binary}, there, AMD64) == []
    assert (
        missing({"usr/lib/aarch64-linux-gnu/liba.so": replace(LIBRARY, machine=183), there: binary}, there, ARM64) == []
    )
