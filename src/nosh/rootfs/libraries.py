"""The linker's cache that the image's own ldconfig would write."""

from nosh.formats import ldcache
from nosh.rootfs.merge import Tree
from nosh.values.binary import Binary
from nosh.values.entry import Kind
from nosh.values.platform import Platform


def cache(tree: Tree, platform: Platform, libc_version: str) -> bytes:
    """Return the linker's cache for a tree, or nothing if it has no libraries.

    Args:
        tree: what the image has.
        platform: what it runs on.
        libc_version: version of the package libc6, which the cache names as its maker.
    """
    directories = (*_configured(platform), *ldcache.system_directories(platform.triplet))
    selection = ldcache.select(_files(tree), directories, architecture=platform.architecture)
    made = {path for path, _ in selection.links}
    # A name that no link in the image bears could not be opened.
    libraries = [library for library in selection.libraries if library.path.removeprefix("/") not in made]
    if not libraries:
        return b""
    upstream = libc_version.rpartition("-")[0] or libc_version
    generator = f"ldconfig (Debian GLIBC {libc_version}) stable release version {upstream}"
    return ldcache.write(libraries, generator=generator)


def _configured(platform: Platform) -> tuple[str, ...]:
    # What Debian's libc-bin and libc6 have in ld.so.conf.d, in its order.
    triplet = platform.triplet
    return "/usr/local/lib", f"/usr/local/lib/{triplet}", f"/lib/{triplet}", f"/usr/lib/{triplet}"


def _files(tree: Tree) -> dict[str, Binary | str]:
    found: dict[str, Binary | str] = {}
    for path, place in tree.items():
        entry = place.node.entry
        if entry.kind is Kind.SYMLINK:
            found[path] = entry.target
        elif entry.kind is Kind.HARDLINK and (target := tree.get(entry.target)) and target.node.binary:
            found[path] = target.node.binary
        elif place.node.binary:
            found[path] = place.node.binary
    return found
