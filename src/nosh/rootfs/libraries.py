"""What the image's own ldconfig would find."""

from nosh.rootfs.merge import Tree
from nosh.values.platform import Platform


def cache(tree: Tree, platform: Platform) -> bytes:
    """Return the linker's cache for a tree, or nothing if it has no libraries."""
    return b""
