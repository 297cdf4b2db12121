"""Content digests as the OCI image specification writes them: ``sha256:<64 hex digits>``."""

import hashlib
import re
from typing import NewType

from nosh.values.errors import FormatError

Digest = NewType("Digest", str)

_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


def parse(text: str) -> Digest:
    """Return `text` as a digest.

    Raises:
        FormatError: it is not ``sha256:`` and 64 lower-case hex digits.
    """
    if not _SHA256.fullmatch(text):
        raise FormatError(f"cannot read digest: {text[:100]!r} is not sha256:<64 hex digits>")
    return Digest(text)


def of(data: bytes | bytearray | memoryview) -> Digest:
    """Return the digest of bytes in memory."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def of_text(text: str) -> Digest:
    """Return the digest of a text's UTF-8 bytes."""
    return of(text.encode())


def from_hex(text: str) -> Digest:
    """Return the digest of 64 hex digits.

    Raises:
        FormatError: they are not that.
    """
    return parse("sha256:" + text)


def hex_of(digest: Digest) -> str:
    """Return the 64 hex digits alone."""
    return digest.partition(":")[2]
