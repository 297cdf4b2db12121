"""The bundle of CA certificates that a maintainer script would have made."""

from nosh.formats.deb.archive import Archive
from nosh.values.entry import Kind
from nosh.values.errors import FormatError

PLACE = "etc/ssl/certs/ca-certificates.crt"
_FOLDER = "usr/share/ca-certificates/"
_END = b"-----END CERTIFICATE-----"


def bundle(archive: Archive) -> tuple[bytes, int]:
    """Return all certificates of the package in the order of their paths, and the time of the newest.

    Raises:
        FormatError: there is none.
    """
    found: dict[bytes, bytes] = {}
    newest = 0
    for entry, body in archive.data:
        if entry.path.startswith(_FOLDER) and entry.kind is Kind.FILE and entry.path.endswith(".crt"):
            data = b"".join(body)
            found[entry.path.encode("utf-8", "surrogateescape")] = data if data.endswith(b"\n") else data + b"\n"
            newest = max(newest, entry.mtime)
    if not any(_END in data for data in found.values()):
        raise FormatError(f"cannot make the CA bundle: the package has no certificates below /{_FOLDER}")
    return b"".join(data for _, data in sorted(found.items())), newest
