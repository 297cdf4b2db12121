"""Picking the newest version of each named package, and nothing else: the way distroless images are listed."""

from collections.abc import Callable, Iterable

from nosh.formats.deb import version
from nosh.values.errors import NotFoundError
from nosh.values.package import Package
from nosh.values.suggest import hint


def pick(
    names: Iterable[str], find: Callable[[str], Iterable[Package]], known: Callable[[], Iterable[str]]
) -> tuple[Package, ...]:
    """Return the newest offered version of each package, in the order of the names.

    Args:
        names: package names.
        find: gives every version of a package.
        known: gives all names there are, asked for only to suggest one.

    Raises:
        NotFoundError: one or more packages are not offered.
    """
    wanted = tuple(dict.fromkeys(names))
    offers = {name: tuple(find(name)) for name in wanted}
    missing = [name for name, found in offers.items() if not found]
    if missing:
        everything = tuple(known())
        hints = filter(None, (hint(name, everything) for name in missing))
        raise NotFoundError(
            f"cannot find package {', '.join(missing)}: no suite of the release has it", hint="; ".join(hints)
        )
    return tuple(max(offers[name], key=lambda package: version.key(package.version)) for name in wanted)
