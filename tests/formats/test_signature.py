"""Signatures: only a trusted key's valid signature counts, and only the text under it."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pysequoia import SignatureMode, sign
from tests.simulators import apt_repository
from tests.simulators.apt_repository import Key, clear_sign, key

from nosh.formats.signature import verified
from nosh.values.errors import VerificationError

TEXT = b"Origin: Debian\n- a dash\n\n From here\n"


def ring(*keys: Key) -> bytes:
    return b"".join(one.certificate for one in keys)


def test_the_signed_text_comes_back() -> None:
    assert verified(clear_sign(TEXT, key()), ring(key()), trusted=[key().fingerprint]) == TEXT


def test_without_a_pinned_key_any_key_of_the_ring_will_do() -> None:
    assert verified(clear_sign(TEXT, key()), ring(key("stranger"), key()), trusted=()) == TEXT


def test_a_ring_may_be_armored() -> None:
    armored = str(key().secret.extract_certificate()).encode()
    assert verified(clear_sign(TEXT, key()), armored, trusted=()) == TEXT


def test_lines_may_end_as_on_windows() -> None:
    message = clear_sign(TEXT, key()).replace(b"\n", b"\r\n")
    assert verified(message, ring(key()), trusted=()) == TEXT.replace(b"\n", b"\r\n")


def test_two_signatures_of_which_one_is_trusted() -> None:
    one, other = clear_sign(TEXT, key()), clear_sign(TEXT, key("stranger"))
    both = one + other[other.index(b"-----BEGIN PGP SIGNATURE-----") :]
    for message in (one, both):
        assert verified(message, ring(key()), trusted=[key().fingerprint]) == TEXT


BAD: dict[str, tuple[Callable[[], bytes], Callable[[], bytes], str]] = {
    "no signature": (lambda: TEXT, lambda: ring(key()), "no valid signature"),
    "nothing at all": (lambda: b"", lambda: ring(key()), "no valid signature"),
    "another key": (lambda: clear_sign(TEXT, key("stranger")), lambda: ring(key()), "no valid signature"),
    "an empty ring": (lambda: clear_sign(TEXT, key()), lambda: b"", "no valid signature"),
    "a ring that is none": (lambda: clear_sign(TEXT, key()), lambda: b"\x00\x01", "cannot read key ring"),
    "a key that has expired": (
        lambda: clear_sign(TEXT, key()),
        lambda: ring(apt_repository.expired(key())),
        "no valid signature",
    ),
    "a key that has been revoked": (
        lambda: clear_sign(TEXT, key()),
        lambda: ring(apt_repository.revoked(key())),
        "no valid signature",
    ),
    "a key that is not pinned": (
        lambda: clear_sign(TEXT, key("stranger")),
        lambda: ring(key(), key("stranger")),
        "which is not trusted here",
    ),
    "a signature without its text": (
        lambda: bytes(sign(key().secret.signer(), TEXT, mode=SignatureMode.DETACHED)),
        lambda: ring(key()),
        "no valid signature",
    ),
    "a signature of another text": (
        lambda: clear_sign(TEXT, key()).replace(b"Debian", b"Devuan"),
        lambda: ring(key()),
        "no valid signature",
    ),
}


@pytest.mark.parametrize("summary", BAD)
def test_what_is_not_verified(summary: str) -> None:
    message, keyring, reason = BAD[summary]
    with pytest.raises(VerificationError, match=reason) as caught:
        verified(message(), keyring(), trusted=[key().fingerprint])
    assert "\n" not in caught.value.message


SIGNED = clear_sign(TEXT, key())


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, len(SIGNED)), new=st.binary(max_size=6), gone=st.integers(0, 6))
def test_whatever_is_changed_the_text_is_the_signed_one_or_refused(place: int, new: bytes, gone: int) -> None:
    try:
        found = verified(SIGNED[:place] + new + SIGNED[place + gone :], ring(key()), trusted=[key().fingerprint])
    except VerificationError:
        return
    # The signature of a clear text does not cover how its lines end (RFC 9580 §7.1).
    assert [line.rstrip() for line in found.split(b"\n")] == [line.rstrip() for line in TEXT.split(b"\n")]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_ring_is_read_or_refused(keyring: bytes) -> None:
    with pytest.raises(VerificationError):
        verified(SIGNED, keyring, trusted=())
