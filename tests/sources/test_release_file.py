"""Release files: what is read of them, and that nothing in them is more than refused."""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulators import apt_repository
from tests.simulators.apt_repository import DAY, Suite

from nosh.sources.repository import release
from nosh.sources.repository.release import Listing
from nosh.values import digest
from nosh.values.errors import FormatError, VerificationError

NOON = 1_750_000_000
LISTS = {"main/binary-amd64/Packages.xz": b"abc", "main/binary-arm64/Packages": b""}
SUITE = Suite("trixie", date=NOON, valid=DAY)
TEXT = apt_repository.release_text(apt_repository.repository(), SUITE, LISTS).decode()


def test_everything_is_read() -> None:
    found = release.read(TEXT)
    assert (found.origin, found.codename, found.date, found.valid_until) == ("Debian", "trixie", NOON, NOON + DAY)
    assert (found.architectures, found.by_hash) == (("amd64", "arm64"), True)
    assert found.listings == {path: Listing(path, digest.of(data), len(data)) for path, data in LISTS.items()}


@pytest.fixture
def auckland(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine far away from UTC."""
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("auckland")
@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Sun, 15 Jun 2025 15:06:40 UTC", NOON),
        ("Sun, 15 Jun 2025 15:06:40 GMT", NOON),
        ("Sun, 15 Jun 2025 15:06:40 +0000", NOON),
        ("Sun, 15 Jun 2025 15:06:40 -0000", NOON),
        ("Sun, 15 Jun 2025 17:06:40 +0200", NOON),
        ("15 Jun 2025 15:06:40 UTC", NOON),
    ],
)
def test_dates_in_several_forms(date: str, seconds: int) -> None:
    text = apt_repository.release_text(apt_repository.repository(), replace(SUITE, fields={"Date": date}), LISTS)
    assert release.read(text.decode()).date == seconds


@pytest.mark.parametrize(
    "date",
    ["", "today", "2025-06-15", "Sun, 99 Jun 2025 15:06:40 UTC", "Sun, 15 Jun 99999999 15:06:40 UTC",
     "Sun, 15 Jun 2025 15:06:40 +99999999999"],
)  # fmt: skip
def test_what_is_no_date(date: str) -> None:
    with pytest.raises(FormatError, match="is not a date"):
        release.read(f"Date: {date}\nSHA256:\n")


@pytest.mark.parametrize(
    "line",
    ["abc", f"{'a' * 64} 3", f"{'a' * 64} many main/x", f"{'a' * 64} ² main/x", f"{'a' * 63} 3 main/x", "a b c d",
     f"{'a' * 64} {'9' * 5000} main/x"],
)  # fmt: skip
def test_what_is_no_line_of_a_list(line: str) -> None:
    with pytest.raises(FormatError):
        release.read(f"Date: Sun, 15 Jun 2025 15:06:40 UTC\nSHA256:\n {line}\n")


CHECKS: dict[str, tuple[Suite, str, str]] = {
    "it is what was asked for": (SUITE, "amd64", ""),
    "it expires this second": (replace(SUITE, valid=3600), "amd64", ""),
    "it expired a second ago": (replace(SUITE, valid=3599), "amd64", "expired 1 hours ago"),
    "it never expires": (replace(SUITE, valid=0), "amd64", ""),
    "it is of another suite": (replace(SUITE, codename="sid"), "amd64", "it is of sid, not of trixie"),
    "it is of another distribution": (replace(SUITE, origin="Ubuntu"), "amd64", "its origin is Ubuntu, not Debian"),
    "it is of no distribution": (replace(SUITE, origin=""), "amd64", "its origin is not said"),
    "it is for other machines": (SUITE, "riscv64", "no packages for riscv64"),
}


@pytest.mark.parametrize("summary", CHECKS)
def test_whether_it_is_the_one_that_was_asked_for(summary: str) -> None:
    suite, architecture, reason = CHECKS[summary]
    found = release.read(apt_repository.release_text(apt_repository.repository(), suite, LISTS).decode())
    with pytest.raises(VerificationError, match=reason) if reason else nullcontext():
        release.check(found, codename="trixie", origins=("Debian",), architecture=architecture, at=NOON + 3600)


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, len(TEXT)), new=st.text(max_size=6), gone=st.integers(0, 30))
def test_a_changed_text_is_read_or_refused(place: int, new: str, gone: int) -> None:
    try:
        release.read(TEXT[:place] + new + TEXT[place + gone :])
    except FormatError:
        return
