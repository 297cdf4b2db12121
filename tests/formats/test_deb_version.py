"""The order of Debian versions: policy §5.6.12 sentence by sentence, and dpkg's own opinion."""

import random
import shutil
import string
import subprocess
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nosh.formats.deb.version import key

_UPSTREAM = string.ascii_letters + string.digits + ".+~"
_upstream = st.builds(str.__add__, st.sampled_from(string.digits), st.text(_UPSTREAM, max_size=8))
_revision = st.text(_UPSTREAM, min_size=1, max_size=6)
_epoch = st.integers(0, 3).map(str)
_version = st.one_of(
    _upstream,
    st.builds("{}-{}".format, _upstream, _revision),
    st.builds("{}:{}".format, _epoch, _upstream),
    st.builds("{}:{}-{}".format, _epoch, _upstream, _revision),
)


@given(version=_version.filter(lambda text: ":" not in text))
def test_an_epoch_may_be_omitted_in_which_case_zero_is_assumed(version: str) -> None:
    assert key(version) == key(f"0:{version}")


@given(version=_upstream)
def test_the_absence_of_a_debian_revision_is_equivalent_to_a_debian_revision_of_0(version: str) -> None:
    assert key(version) == key(f"{version}-0")


@given(upstream=_upstream, middle=_revision, revision=_revision)
def test_the_version_is_broken_apart_at_the_last_hyphen(upstream: str, middle: str, revision: str) -> None:
    assert key(f"{upstream}-{middle}-{revision}")[1:] == (key(f"{upstream}-{middle}-0")[1], key(f"0-{revision}")[2])


@given(one=_version, other=_version)
def test_first_the_epochs_are_compared_numerically(one: str, other: str) -> None:
    one, other = one.rpartition(":")[2], other.rpartition(":")[2]
    assert key(f"9:{one}") < key(f"10:{other}")


@given(one=_upstream, other=_upstream, revision=_revision, another=_revision)
def test_then_the_upstream_versions_and_then_the_revisions(one: str, other: str, revision: str, another: str) -> None:
    if key(one) != key(other):
        assert (key(f"{one}-{revision}") < key(f"{other}-{another}")) == (key(one) < key(other))
    assert (key(f"{one}-{revision}") < key(f"{one}-{another}")) == (key(f"0-{revision}") < key(f"0-{another}"))


def test_all_the_letters_sort_earlier_than_all_the_non_letters() -> None:
    assert max(key(f"1{sign}") for sign in string.ascii_letters) < min(key(f"1{sign}") for sign in "+.")


def test_a_tilde_sorts_before_anything_even_the_end_of_a_part() -> None:
    # The example of the policy: "the following parts are in sorted order from earliest to latest".
    for one, other in pairwise(["~~", "~~a", "~", "", "a"]):
        assert key(f"1{one}") < key(f"1{other}")
        assert key(f"1-{one}") < key(f"1-{other}a")


@given(version=_version)
def test_pre_releases_come_before_and_rebuilds_after(version: str) -> None:
    assert key(f"{version}~rc1") < key(version) < key(f"{version}+b1")


@given(one=st.integers(0, 10**40), other=st.integers(0, 10**40), zeros=st.integers(0, 5))
def test_digits_are_compared_by_their_numerical_values(one: int, other: int, zeros: int) -> None:
    assert (key(f"1.{'0' * zeros}{one}") < key(f"1.{other}")) == (one < other)


@given(version=_version)
def test_an_empty_string_counts_as_zero(version: str) -> None:
    assert key(f"{version}.") == key(f"{version}.0") == key(f"{version}.00")


@given(one=_version, other=_version, third=_version)
def test_versions_are_in_one_order(one: str, other: str, third: str) -> None:
    smallest, middle, largest = sorted((one, other, third), key=key)
    assert key(smallest) <= key(middle) <= key(largest)
    assert key(smallest) <= key(largest)
    assert (key(one) == key(other)) == (not key(one) < key(other) and not key(other) < key(one))


@given(version=st.text(max_size=20))
def test_what_is_no_version_has_a_place_all_the_same(version: str) -> None:
    assert key(version) <= key(version + "+")


def test_a_version_of_a_million_digits_has_a_place() -> None:
    assert key("1." + "9" * 1_000_000) > key("1.9")
    assert key("9" * 1_000_000 + ":1") > key("1:1")


REAL = [
    ("1.0~rc1-1", "<", "1.0-1"),
    ("2.36-9+deb12u7", "<", "2.36-9+deb12u10"),
    ("1:9.18.24-1", ">", "9.99"),
    ("3.0.15-1~deb12u1", "<", "3.0.15-1"),
    ("1.2.13.dfsg-1", ">", "1.2.13-1"),
    ("2.41-12", "=", "0:2.41-12"),
    ("6.4+20240113-1", ">", "6.4-4"),
    ("1.0-1+b2", ">", "1.0-1"),
    ("20230311", "<", "20230311+deb12u1"),
    ("1.0a", "=", "1.0a0"),
]


@pytest.mark.parametrize(("one", "sign", "other"), REAL)
def test_versions_as_they_are(one: str, sign: str, other: str) -> None:
    assert sign == _sign(one, other)


def _sign(one: str, other: str) -> str:
    return "<" if key(one) < key(other) else ">" if key(one) > key(other) else "="


def _random_version(chance: random.Random) -> str:
    # Few different signs, so that many versions share their beginning or are equal.
    text = chance.choice("0123") + "".join(chance.choices("01aZ.+~", k=chance.randrange(5)))
    if chance.random() < 0.5:
        text += "-" + "".join(chance.choices("01aZ.+~", k=chance.randrange(1, 4)))
    return f"{chance.randrange(3)}:{text}" if chance.random() < 0.2 else text


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="this machine has no dpkg")
def test_dpkg_is_of_the_same_opinion() -> None:
    chance = random.Random(5612)
    pairs = [(_random_version(chance), _random_version(chance)) for _ in range(250)]
    pairs += [(one, other) for one, _, other in REAL]
    script = (
        "while read a b; do"
        '  if dpkg --compare-versions "$a" lt "$b"; then echo "<";'
        '  elif dpkg --compare-versions "$a" eq "$b"; then echo "="; else echo ">"; fi; done'
    )
    lines = "".join(f"{one} {other}\n" for one, other in pairs)
    done = subprocess.run(["sh", "-c", script], input=lines, capture_output=True, text=True, check=True)
    theirs = done.stdout.split()
    assert {pair: sign for pair, sign in zip(pairs, theirs, strict=True) if _sign(*pair) != sign} == {}
    assert len(set(theirs)) == 3
