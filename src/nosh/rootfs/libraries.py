"""Which libraries the image's own ldconfig would find, and the cache it would write of them (ldconfig(8))."""

import posixpath
from collections.abc import Iterator, Mapping

from nosh.formats import ldcache
from nosh.formats.ldcache import Library
from nosh.rootfs.merge import Tree
from nosh.values.entry import Kind
from nosh.values.piece import Node
from nosh.values.platform import Platform

PLACE = "etc/ld.so.cache"
# FLAG_ELF_LIBC6 with the word for the machine's library folder (glibc, sysdeps/generic/ldconfig.h).
_FLAGS = {"amd64": 0x0303, "arm64": 0x0A03}


def cache(tree: Tree, platform: Platform, libc_version: str) -> bytes:
    """Return the linker's cache for a tree, or nothing if it has no libraries.

    Args:
        tree: what the image has.
        platform: what it runs on.
        libc_version: version of the package libc6, which the cache names as its maker.
    """
    index = _by_folder(tree)
    found: dict[tuple[str, str], Library] = {}
    seen: set[str] = set()
    for folder in _folders(platform):
        real = _resolve(folder, tree)
        if real not in seen:
            seen.add(real)
            for soname in _sonames(index.get(real, {}), tree, platform):
                found.setdefault((folder, soname), Library(soname, f"/{folder}/{soname}", _FLAGS[platform.architecture]))
    if not found:
        return b""
    upstream = libc_version.rpartition("-")[0] or libc_version
    return ldcache.render(
        found.values(), f"ldconfig (Debian GLIBC {libc_version}) stable release version {upstream}"
    )


def _folders(platform: Platform) -> tuple[str, ...]:
    """Return where Debian's ldconfig looks: its ld.so.conf.d in order, then what is built in."""
    triplet = platform.triplet
    return (
        "usr/local/lib", f"usr/local/lib/{triplet}", f"lib/{triplet}", f"usr/lib/{triplet}", "lib", "usr/lib",
    )  # fmt: skip


def _by_folder(tree: Tree) -> Mapping[str, Mapping[str, Node]]:
    found: dict[str, dict[str, Node]] = {}
    for path, place in tree.items():
        folder, _, name = path.rpartition("/")
        if ".so" in name and name.startswith(("lib", "ld-")) and place.node.entry.kind is not Kind.DIRECTORY:
            found.setdefault(folder, {})[name] = place.node
    return found


def _sonames(nodes: Mapping[str, Node], tree: Tree, platform: Platform) -> Iterator[str]:
    for name, node in nodes.items():
        real = _follow(node, tree)
        binary = real.binary if real else None
        if not binary or binary.architecture != platform.architecture or not binary.dynamic or binary.type != 3:
            continue
        soname = binary.soname or name
        # The cache names the link that bears the library's own name; without one there is nothing to open.
        if soname in nodes:
            yield soname


def _follow(node: Node, tree: Tree) -> Node | None:
    folder = posixpath.dirname(node.entry.path)
    for _ in range(8):
        if node.entry.kind is Kind.FILE:
            return node
        if node.entry.kind is Kind.HARDLINK:
            place = tree.get(node.entry.target)
        else:
            target = posixpath.normpath(posixpath.join("/", folder, node.entry.target)).lstrip("/")
            place = tree.get(target) or tree.get(_resolve(posixpath.dirname(target), tree) + "/" + posixpath.basename(target))
        if place is None:
            return None
        node = place.node
        folder = posixpath.dirname(node.entry.path)
    return None


def _resolve(folder: str, tree: Tree) -> str:
    """Return a folder with a link as its first part followed, as usr-merged systems have."""
    first, slash, rest = folder.partition("/")
    place = tree.get(first)
    if place and place.node.entry.kind is Kind.SYMLINK:
        return place.node.entry.target.strip("/") + slash + rest
    return folder
