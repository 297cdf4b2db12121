"""Refusing an app whose native code would not start in its image, and naming the package that would help."""

from collections.abc import Iterable, Sequence

from nosh.rootfs import closure
from nosh.rootfs.closure import Missing
from nosh.rootfs.merge import Tree
from nosh.sources.source import Source
from nosh.values.errors import Error, InputError
from nosh.values.piece import Piece
from nosh.values.platform import Platform

_SHOWN = 10


def check(pieces: Sequence[Piece], tree: Tree, platform: Platform, source: Source) -> None:
    """Check every program among the pieces against the image; `tree` has the pieces in it.

    Raises:
        InputError: something is missing; each missing library is named with the package that has it.
    """
    nodes = [node for piece in pieces for node in piece.nodes]
    found = tuple(closure.check(nodes, tree, platform))
    if not found:
        return
    lines = [f"  /{missing.program} {missing.reason}" for missing in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"  and {len(found) - _SHOWN} more")
    raise InputError(
        "\n".join(["cannot build the app: its native code does not fit the image:", *lines]),
        hint=_hint(found, source),
    )


def _hint(found: Iterable[Missing], source: Source) -> str:
    hints: dict[str, None] = {}
    for missing in found:
        if missing.absent:
            hints[_provider(missing.library, source)] = None
        elif missing.library:
            hints['use a base of a newer release (base = "…-debian13"), or an older version of the dependency'] = None
        else:
            hints["install the dependencies for the image's platform (is a copied node_modules in the app?)"] = None
    return "; ".join(filter(None, hints))


def _provider(library: str, source: Source) -> str:
    name = library.rpartition("/")[2]
    try:
        packages = source.providers(f"/{name}")
    except Error as error:
        return f"which package has {name} could not be looked up ({error.message})"
    if not packages:
        return f"no package of the release has {name}"
    return (
        f'{name} is in package {" or ".join(packages[:3])}: add it with a recipe (packages = ["{packages[0]}"]) as base'
    )
