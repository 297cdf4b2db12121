"""Recognising files that must not end up in an image: by name, and by what stands in them."""

import re
from posixpath import basename

# How much of a file is looked at.
HEAD = 64 << 10

_EXAMPLES = re.compile(r"\.(example|sample|template|dist|defaults)$")
_NAMES = (
    (re.compile(r"\.env(\..+)?"), "a file of environment secrets"),
    (re.compile(r"id_(rsa|dsa|ecdsa|ed25519)"), "a private SSH key"),
    (re.compile(r"\.(netrc|pgpass|git-credentials)"), "a file of passwords"),
    (re.compile(r".*\.(p12|pfx|jks|keystore|kdbx)"), "a key store"),
)
_CONTENTS = (
    (re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"), "a private key"),
    (re.compile(rb"(?m)^[ \t]*aws_secret_access_key[ \t]*=[ \t]*\S"), "an AWS secret key"),
)
_NPMRC = re.compile(rb"(?m)^[ \t]*[^#;\s]*(?:_authToken|_auth|_password)[ \t]*=[ \t]*(?!\$\{)\S")


def reason(path: str, head: bytes) -> str:
    """Return why a file must not be in an image, or nothing.

    Args:
        path: its relative path.
        head: its first bytes, up to `HEAD`.
    """
    name = basename(path)
    for expression, why in _NAMES:
        if expression.fullmatch(name) and not _EXAMPLES.search(name):
            return why
    if name == ".npmrc" and _NPMRC.search(head):
        return "npm's settings with a token in them"
    return next((why for expression, why in _CONTENTS if expression.search(head)), "")
