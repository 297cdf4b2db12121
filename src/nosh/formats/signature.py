"""OpenPGP signatures (RFC 9580) over package lists."""

from collections.abc import Collection

from nosh.values.errors import VerificationError


def verified(message: bytes, keyring: bytes, *, trusted: Collection[str]) -> bytes:
    """Return the text that a clear-signed message signs; nothing outside of it can be trusted.

    Args:
        message: the whole file, with its armor.
        keyring: certificates, binary or armored.
        trusted: fingerprints of primary keys, lower-case hex; one valid signature of theirs is asked for.
            Empty means any key of the ring.

    Raises:
        VerificationError: no trusted key made a valid signature, or the ring cannot be read.
    """
    import pysequoia  # noqa: PLC0415 - a warm build verifies nothing

    try:
        certificates = pysequoia.Cert.split_bytes(keyring)
    except (RuntimeError, ValueError, OSError) as error:
        raise VerificationError(f"cannot read key ring: {_first_line(error)}") from error
    allowed = set(trusted) or {certificate.fingerprint for certificate in certificates}
    try:
        result = pysequoia.verify(message, lambda _: certificates)
    except (RuntimeError, ValueError, OSError) as error:
        raise VerificationError(f"no valid signature ({_first_line(error)})") from error
    signers = {signature.certificate for signature in result.valid_sigs}
    if not signers & allowed:
        raise VerificationError(f"signed by {', '.join(sorted(signers))}, which is not trusted here")
    if result.bytes is None:
        raise VerificationError("no signed text in it")
    return bytes(result.bytes)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
