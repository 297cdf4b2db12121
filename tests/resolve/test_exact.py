"""Picking exact packages: the newest of each name, in the order of the names."""

from collections.abc import Iterable

import pytest

from nosh.resolve import exact
from nosh.values import digest
from nosh.values.errors import NotFoundError
from nosh.values.package import Package


def package(name: str, version: str, origin: str = "debian trixie") -> Package:
    return Package(name, version, "amd64", name, 1, digest.of_text(name + version), f"{name}.deb", origin)


OFFERS = [
    package("zlib1g", "1:1.2.9-1"),
    package("zlib1g", "1:1.2.13-1"),
    package("zlib1g", "1:1.2.13-1~bpo1"),
    package("libc6", "2.36-9"),
    package("libc6", "2.36-9+deb12u10"),
    package("libc6", "2.36-9+deb12u7"),
    package("tzdata", "2025a-1"),
]


def find(name: str) -> Iterable[Package]:
    return (offer for offer in OFFERS if offer.name == name)


def known() -> Iterable[str]:
    return {offer.name for offer in OFFERS}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param((), [], id="nothing"),
        pytest.param(("tzdata",), ["tzdata 2025a-1"], id="the only version"),
        pytest.param(("zlib1g",), ["zlib1g 1:1.2.13-1"], id="the newest version"),
        pytest.param(("libc6",), ["libc6 2.36-9+deb12u10"], id="the newest security update"),
        pytest.param(
            ("zlib1g", "libc6", "zlib1g"), ["zlib1g 1:1.2.13-1", "libc6 2.36-9+deb12u10"], id="each name once, in order"
        ),
    ],
)
def test_the_newest_of_each_name(names: tuple[str, ...], expected: list[str]) -> None:
    assert [str(one) for one in exact.pick(names, find, known)] == expected
    assert exact.pick(iter(names), lambda name: reversed(list(find(name))), known) == exact.pick(names, find, known)


def test_everything_that_is_missing_is_named_with_what_was_meant() -> None:
    with pytest.raises(NotFoundError, match="cannot find package zlib2g, libc7, qqq: ") as caught:
        exact.pick(["zlib2g", "tzdata", "libc7", "qqq"], find, known)
    assert "did you mean zlib1g?" in caught.value.hint
    assert "did you mean libc6?" in caught.value.hint


def test_what_there_is_is_asked_for_only_when_something_is_missing() -> None:
    def expensive() -> Iterable[str]:
        raise AssertionError("nobody needs this list")

    assert exact.pick(["tzdata"], find, expensive)
