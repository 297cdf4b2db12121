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
    directories = (*_configured(tree, platform), *ldcache.system_directories(platform.triplet))
    selection = ldcache.select(_files(tree), directories, architecture=platform.architecture)
    # ldconfig would make these links; the image is as it is, so nothing could be opened by these names.
    absent = {path for path, _ in selection.links if path not in tree}
    libraries = [library for library in selection.libraries if _resolved(library.path, tree) not in absent]
    if not libraries:
        return b""
    upstream = libc_version.rpartition("-")[0] or libc_version
    generator = f"ldconfig (Debian GLIBC {libc_version}) stable release version {upstream}"
    return ldcache.write(libraries, generator=generator)


def _configured(tree: Tree, platform: Platform) -> tuple[str, ...]:
    """Return the folders of Debian's own configuration; without ld.so.conf nothing reads the files beside it."""
    if ldcache.CONFIGURATION not in tree:
        return ()
    triplet = platform.triplet
    texts = {
        "etc/ld.so.conf": "include /etc/ld.so.conf.d/*.conf",
        "etc/ld.so.conf.d/libc.conf": "/usr/local/lib",
        f"etc/ld.so.conf.d/{triplet}.conf": f"/usr/local/lib/{triplet}\n/lib/{triplet}\n/usr/lib/{triplet}",
    }
    return ldcache.configured_directories({path: text for path, text in texts.items() if path in tree})


def _resolved(path: str, tree: Tree) -> str:
    first, _, rest = path.lstrip("/").partition("/")
    place = tree.get(first)
    linked = place is not None and place.node.entry.kind is Kind.SYMLINK
    return f"{place.node.entry.target.strip('/')}/{rest}" if place and linked else path.lstrip("/")


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
