"""Native code that would not start is refused, with the package that would help."""

from collections.abc import Iterable, Mapping
from typing import BinaryIO

import pytest

from nosh.apps import closure_check
from nosh.rootfs import merge
from nosh.values import platform
from nosh.values.binary import Binary
from nosh.values.digest import Digest
from nosh.values.entry import Entry, Kind
from nosh.values.errors import InputError, NetworkError
from nosh.values.package import Package
from nosh.values.piece import Node, Piece

AMD64 = platform.parse("linux/amd64")


class Shelf:
    """A source that knows who has a library, or cannot be asked."""

    def __init__(self, providers: Mapping[str, tuple[str, ...]], *, broken: bool = False) -> None:
        self._providers, self._broken = providers, broken

    def find(self, name: str) -> tuple[Package, ...]:
        raise LookupError(name)

    def names(self) -> Iterable[str]:
        return ()

    def fetch(self, package: Package) -> None:
        raise LookupError(package.name)

    def open(self, package: Package) -> BinaryIO:
        raise LookupError(package.name)

    def providers(self, path_end: str) -> tuple[str, ...]:
        if self._broken:
            raise NetworkError("the mirror is away")
        return self._providers.get(path_end, ())


def binary(
    machine: int = 62, *, needed: tuple[str, ...] = (), versions: tuple[str, ...] = (), offers: tuple[str, ...] = ()
) -> Binary:
    verneed = ((needed[0], versions),) if versions else ()
    return Binary(64, little=True, machine=machine, type=3, dynamic=True, needed=needed, verneed=verneed, verdef=offers)


def piece(files: Mapping[str, Binary]) -> Piece:
    nodes = tuple(Node(Entry(path, Kind.FILE, 0o644), path, one) for path, one in files.items())
    return Piece(Digest(""), 0, 0, 0, (), nodes, ())


LIBC = piece({"usr/lib/x86_64-linux-gnu/libc.so.6": binary(offers=("GLIBC_2.2.5", "GLIBC_2.36"))})
SHELF = Shelf({"/libvips.so.42": ("libvips42t64",), "/libmany.so": ("a", "b", "c", "d")})


def check(app: Mapping[str, Binary], shelf: Shelf = SHELF) -> None:
    added = piece(app)
    tree = merge.lay({}, [("libc6", LIBC), ("app", added)]).tree
    closure_check.check([added], tree, AMD64, shelf)


def test_code_that_fits_passes() -> None:
    check({"app/a.node": binary(needed=("libc.so.6",), versions=("GLIBC_2.2.5",)), "app/b.node": binary()})


def test_builds_for_other_systems_are_passed_over() -> None:
    check({"app/prebuilds/win32-x64/a.node": binary(needed=("KERNEL32.dll",)), "app/linux-arm64/a.node": binary(183)})


@pytest.mark.parametrize(
    ("app", "message", "hint"),
    [
        pytest.param(
            {"app/a.node": binary(needed=("libvips.so.42",))},
            "/app/a.node needs libvips.so.42",
            'libvips.so.42 is in package libvips42t64: add it with a recipe (packages = ["libvips42t64"]) as base',
            id="a library that a package has",
        ),
        pytest.param(
            {"app/a.node": binary(needed=("libmany.so",))},
            "/app/a.node needs libmany.so",
            'libmany.so is in package a or b or c: add it with a recipe (packages = ["a"]) as base',
            id="a library that many packages have",
        ),
        pytest.param(
            {"app/a.node": binary(needed=("libown.so.1",))},
            "/app/a.node needs libown.so.1",
            "no package of the release has libown.so.1",
            id="a library that nobody has",
        ),
        pytest.param(
            {"app/a.node": binary(needed=("libc.so.6",), versions=("GLIBC_2.2.5", "GLIBC_2.99"))},
            "/app/a.node needs GLIBC_2.99 of libc.so.6, which goes up to GLIBC_2.36 in the image",
            'use a base of a newer release (base = "…-debian13"), or an older version of the dependency',
            id="a library that is too old",
        ),
        pytest.param(
            {"app/a.node": binary(243)},
            "/app/a.node is for riscv64, and the image is for amd64",
            "install the dependencies for the image's platform (is a copied node_modules in the app?)",
            id="another processor",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_the_way_out(app: Mapping[str, Binary], message: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        check(app)
    assert caught.value.message.splitlines() == [
        "cannot build the app: its native code does not fit the image:",
        f"  {message}",
    ]
    assert caught.value.hint == hint


def test_a_hint_is_given_once_and_a_long_list_is_cut() -> None:
    with pytest.raises(InputError) as caught:
        check({f"app/{number:02}.node": binary(needed=("libvips.so.42",)) for number in range(12)})
    lines = caught.value.message.splitlines()
    assert (len(lines), lines[-1]) == (12, "  and 2 more")
    assert caught.value.hint.count("libvips42t64:") == 1


def test_a_source_that_cannot_be_asked_does_not_hide_what_is_missing() -> None:
    with pytest.raises(InputError, match=r"needs libvips\.so\.42") as caught:
        check({"app/a.node": binary(needed=("libvips.so.42",))}, Shelf({}, broken=True))
    assert caught.value.hint == "which package has libvips.so.42 could not be looked up (the mirror is away)"
