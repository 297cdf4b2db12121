"""The linker's cache of a tree has what could be opened, and nothing else."""

from dataclasses import replace

from nosh.formats import ldcache
from nosh.rootfs import libraries
from nosh.rootfs.merge import Place
from nosh.values import platform
from nosh.values.binary import Binary
from nosh.values.entry import Entry, Kind
from nosh.values.piece import Node

AMD64 = platform.parse("linux/amd64")
LIBRARY = Binary(bits=64, little=True, machine=62, type=3, dynamic=True)
USR = "usr/lib/x86_64-linux-gnu"
MERGED: dict[str, Binary | str] = {"lib": "usr/lib"}


def library(soname: str) -> Binary:
    return replace(LIBRARY, soname=soname)


def cached(files: dict[str, Binary | str], more: dict[str, Node] | None = None) -> dict[str, str]:
    """Return soname -> path of the cache of a tree."""
    nodes = {path: _node(path, content) for path, content in files.items()} | (more or {})
    tree = {path: Place("owner", node) for path, node in nodes.items()}
    data = libraries.cache(tree, AMD64, "2.41-12")
    return {one.soname: one.path for one in ldcache.read(data).libraries} if data else {}


def _node(path: str, content: Binary | str) -> Node:
    if isinstance(content, Binary):
        return Node(Entry(path, Kind.FILE, 0o644), "", content)
    return Node(Entry(path, Kind.SYMLINK, 0o777, target=content))


def test_a_tree_without_libraries_has_no_cache() -> None:
    assert libraries.cache({}, AMD64, "2.41-12") == b""
    assert cached({"etc/liba.so.1": library("liba.so.1"), f"{USR}/x": "y"}) == {}


def test_the_cache_names_its_maker() -> None:
    tree = {f"{USR}/liba.so.1": Place("owner", _node(f"{USR}/liba.so.1", library("liba.so.1")))}
    generators = {
        version: ldcache.read(libraries.cache(tree, AMD64, version)).generator for version in ("2.41-12", "3")
    }
    assert generators == {
        "2.41-12": "ldconfig (Debian GLIBC 2.41-12) stable release version 2.41",
        "3": "ldconfig (Debian GLIBC 3) stable release version 3",
    }


def test_libraries_are_found_by_soname() -> None:
    found = cached(MERGED | {f"{USR}/liba.so.1": "liba.so.1.5", f"{USR}/liba.so.1.5": library("liba.so.1")})
    assert found == {"liba.so.1": "/lib/x86_64-linux-gnu/liba.so.1"}


def test_a_link_that_only_ldconfig_would_make_is_not_promised() -> None:
    assert cached(MERGED | {f"{USR}/liba.so.1.5": library("liba.so.1")}) == {}
    assert cached({f"{USR}/liba.so.1.5": library("liba.so.1")}) == {}
    found = cached(MERGED | {f"{USR}/liba.so.1.5": library("liba.so.1"), f"{USR}/libb.so.2": library("libb.so.2")})
    assert found == {"libb.so.2": "/lib/x86_64-linux-gnu/libb.so.2"}


def test_another_name_of_a_library_counts() -> None:
    hard = Node(Entry(f"{USR}/liba.so.1", Kind.HARDLINK, 0o644, target="opt/liba"))
    assert cached({"opt/liba": library("liba.so.1")}, {hard.entry.path: hard}) == {"liba.so.1": f"/{USR}/liba.so.1"}


def test_configured_folders_count_if_the_configuration_is_there() -> None:
    files: dict[str, Binary | str] = {"usr/local/lib/liba.so.1": library("liba.so.1")}
    configuration = {
        path: Node(Entry(path, Kind.FILE, 0o644)) for path in ("etc/ld.so.conf", "etc/ld.so.conf.d/libc.conf")
    }
    assert cached(files) == {}
    assert cached(files, configuration) == {"liba.so.1": "/usr/local/lib/liba.so.1"}
    only_included = {path: node for path, node in configuration.items() if path != "etc/ld.so.conf"}
    assert cached(files, only_included) == {}
