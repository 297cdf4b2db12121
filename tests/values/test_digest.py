"""Digests as the OCI image specification writes them."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nosh.values import digest
from nosh.values.errors import FormatError

HEX = "0123456789abcdef" * 4


@given(st.binary(max_size=100))
def test_a_digest_is_that_of_the_bytes(data: bytes) -> None:
    """descriptor.md, 'SHA-256': 'When the algorithm identifier is sha256, the encoded portion MUST match
    /[a-f0-9]{64}/'."""
    one = digest.of(data)
    assert one == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert digest.of(bytearray(data)) == digest.of(memoryview(data)) == one
    assert digest.parse(one) == one
    assert digest.from_hex(digest.hex_of(one)) == one


def test_a_text_is_its_utf_8_bytes() -> None:
    assert digest.of_text("ü") == digest.of(b"\xc3\xbc")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(HEX, id="no algorithm"),
        pytest.param(f"sha256:{HEX[:-1]}", id="too short"),
        pytest.param(f"sha256:{HEX}0", id="too long"),
        pytest.param(f"sha256:{HEX.upper()}", id="upper case"),
        pytest.param(f"SHA256:{HEX}", id="the algorithm in upper case"),
        pytest.param(f"sha512:{HEX * 2}", id="another algorithm"),
        pytest.param(f"sha256:{HEX}\n", id="a line's end"),
        pytest.param(f" sha256:{HEX}", id="a space"),
        pytest.param(f"sha256:../../{HEX[6:]}", id="a path"),
        pytest.param("sha256:" + "٣" * 64, id="digits of another script"),
        pytest.param("x" * 10_000, id="very long"),
    ],
)
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="cannot read digest: ") as caught:
        digest.parse(text)
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("text", ["", HEX[:-1], HEX + "0", HEX.upper(), HEX + "\n", f"sha256:{HEX}"])
def test_what_is_not_64_hex_digits_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="cannot read digest: "):
        digest.from_hex(text)


def test_hex_digits_alone() -> None:
    assert digest.from_hex(HEX) == f"sha256:{HEX}"
    assert digest.hex_of(digest.from_hex(HEX)) == HEX
