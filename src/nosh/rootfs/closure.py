"""What programs need of the image they are put into: loader, libraries, versions of symbols (ld.so(8))."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from nosh.rootfs.merge import Tree
from nosh.values.binary import Binary
from nosh.values.entry import Kind
from nosh.values.piece import Node
from nosh.values.platform import Platform

# Folders in which addons keep builds for other systems: node-gyp-build's, napi-rs's and node-pre-gyp's names.
# What follows "linux" in the GNU triplets of Python's modules is no processor.
_SYSTEM = re.compile(
    r"(?:^|[-_./])(linux|linuxmusl|darwin|win32|freebsd|android|openbsd|sunos|aix)[-_]"
    r"(?:(?:glibc|unknown)[-_])?(?!gnu|musl)(?P<cpu>x86_64|[a-z0-9]+)"
)
_MUSL = re.compile(r"(?:^|[-_.])musl(?:[-_./]|$)|linuxmusl")
_LINKS = 40


@dataclass(frozen=True, slots=True)
class Missing:
    """Something a program needs and the image does not have.

    Attributes:
        program: its path.
        library: the library in question; empty if the program as a whole does not fit.
        reason: what is the matter, as the end of a sentence.
        absent: whether the library is missing altogether.
    """

    program: str
    library: str
    reason: str
    absent: bool = False


def check(nodes: Iterable[Node], tree: Tree, platform: Platform) -> Iterator[Missing]:
    """Yield what is missing for each program among `nodes`, all of which are part of the tree.

    Builds for other systems that an addon carries beside the right one are passed over.
    """
    image = _Image(tree, platform)
    for node in nodes:
        if node.binary and not _foreign(node.entry.path, platform):
            yield from _program(node.entry.path, node.binary, image)


def _foreign(path: str, platform: Platform) -> bool:
    if _MUSL.search(path):
        return True
    systems = list(_SYSTEM.finditer(path))
    cpus = {platform.node, platform.architecture, platform.triplet.partition("-")[0]}
    return bool(systems) and not any(match[1] == platform.os and match["cpu"] in cpus for match in systems)


@dataclass(frozen=True, slots=True)
class _Image:
    tree: Tree
    platform: Platform

    def find(self, path: str) -> Node | None:
        """Return what stands at a path, all links on the way followed; of a hard link, the file it names."""
        parts = [part for part in path.split("/") if part]
        done = ""
        steps = 0
        while parts:
            done = posixpath.normpath(posixpath.join(done, parts.pop(0))).removeprefix("../")
            place = self.tree.get(done)
            if place and place.node.entry.kind is Kind.SYMLINK:
                steps += 1
                if steps > _LINKS:
                    return None
                target = place.node.entry.target
                start = "" if target.startswith("/") else posixpath.dirname(done)
                parts = [*[part for part in posixpath.join(start, target).split("/") if part], *parts]
                done = ""
        place = self.tree.get(done)
        if place and place.node.entry.kind is Kind.HARDLINK:
            place = self.tree.get(place.node.entry.target)
        return place.node if place else None

    def folders(self) -> tuple[str, ...]:
        triplet = self.platform.triplet
        return (
            f"lib/{triplet}",
            f"usr/lib/{triplet}",
            "lib",
            "usr/lib",
            "lib64",
            "usr/lib64",
            f"usr/local/lib/{triplet}",
            "usr/local/lib",
        )


def _program(path: str, binary: Binary, image: _Image) -> Iterator[Missing]:
    if binary.architecture != image.platform.architecture:
        yield Missing(path, "", f"is for {binary.architecture}, and the image is for {image.platform.architecture}")
        return
    if binary.interpreter and image.find(binary.interpreter) is None:
        yield Missing(path, binary.interpreter, f"needs the loader {binary.interpreter}", absent=True)
        return
    wanted: Mapping[str, tuple[str, ...]] = dict(binary.verneed)
    for library in binary.needed:
        found = _library(library, path, binary=binary, image=image)
        if found is None:
            yield Missing(path, library, f"needs {library}", absent=True)
            continue
        offered = found.verdef
        lacking = [version for version in wanted.get(library, ()) if version not in offered]
        if lacking and offered:
            family = lacking[0].partition("_")[0]
            numbered = (one for one in offered if re.fullmatch(rf"{re.escape(family)}_[0-9.]+", one))
            newest = max(numbered, key=_version, default="none")
            yield Missing(
                path,
                library,
                f"needs {', '.join(lacking)} of {library}, which goes up to {newest} in the image",
            )


def _library(name: str, program: str, *, binary: Binary, image: _Image) -> Binary | None:
    origin = "/" + posixpath.dirname(program)
    own = binary.runpath or binary.rpath
    folders = [folder.replace("${ORIGIN}", origin).replace("$ORIGIN", origin) for folder in own]
    places = [name] if "/" in name else [f"{folder}/{name}" for folder in (*folders, *image.folders())]
    for place in places:
        node = image.find(place)
        if node and node.binary and (node.binary.machine, node.binary.bits) == (binary.machine, binary.bits):
            return node.binary
    return None


def _version(text: str) -> tuple[tuple[int, ...], str]:
    return tuple(int(part) for part in re.findall(r"(?<=[_.])\d+", text)), text
