"""Files that must not be in an image are recognised, and those that only look like them are not."""

import time

import pytest

from nosh.formats import secrets

KEY = b"-----BEGIN OPENSSH PRIVATE KEY-----\nabc"


@pytest.mark.parametrize(
    ("path", "head", "why"),
    [
        pytest.param(".env", b"", "a file of environment secrets", id="environment"),
        pytest.param("a/b/.env.production", b"", "a file of environment secrets", id="environment of a stage"),
        pytest.param("id_ed25519", b"", "a private SSH key", id="SSH key by name"),
        pytest.param("home/.netrc", b"", "a file of passwords", id="passwords of netrc"),
        pytest.param("store.p12", b"", "a key store", id="key store"),
        pytest.param("conf/server.jks", b"", "a key store", id="key store of Java"),
        pytest.param("x.txt", KEY, "a private key", id="a key under any name"),
        pytest.param("x", b"-----BEGIN PRIVATE KEY-----", "a private key", id="a key of PKCS 8"),
        pytest.param("x", b"a\n-----BEGIN EC PRIVATE KEY-----", "a private key", id="an older key, not first"),
        pytest.param("x", b"-----BEGIN PGP PRIVATE KEY BLOCK-----", "a private key", id="a key of OpenPGP"),
        pytest.param("x", b"[default]\n aws_secret_access_key = abc\n", "an AWS secret key", id="AWS"),
        pytest.param(".npmrc", b"//host/:_authToken=abc", "npm's settings with a token in them", id="npm token"),
        pytest.param(".npmrc", b"a=b\n  _password = abc", "npm's settings with a token in them", id="npm password"),
    ],
)
def test_secrets_are_found(path: str, head: bytes, why: str) -> None:
    assert secrets.reason(path, head) == why


@pytest.mark.parametrize(
    ("path", "head"),
    [
        pytest.param(".env.example", b"", id="an example of an environment"),
        pytest.param(".env.production.sample", b"", id="a sample of an environment"),
        pytest.param("x.env", b"", id="a name that ends like one"),
        pytest.param(".env/x", b"", id="a folder of that name"),
        pytest.param("environment.ts", b"", id="a longer word"),
        pytest.param("id_rsa.pub", b"ssh-rsa AAAA", id="a public key"),
        pytest.param("x", b"-----BEGIN PUBLIC KEY-----", id="a public key in PEM"),
        pytest.param("x", b"-----BEGIN CERTIFICATE-----", id="a certificate"),
        pytest.param("x.js", b"// -----BEGIN", id="half a line"),
        pytest.param("x", b"# aws_secret_access_key = abc", id="AWS in a comment"),
        pytest.param("x", b"aws_secret_access_key =\nregion = x", id="AWS without a value"),
        pytest.param(".npmrc", b"registry=https://host/", id="npm without a token"),
        pytest.param(".npmrc", b"//host/:_authToken=${TOKEN}", id="npm that asks the environment"),
        pytest.param(".npmrc", b"# _authToken=abc", id="npm in a comment"),
        pytest.param(".npmrc", b"_authToken=\nregistry=x", id="npm's token without a value"),
        pytest.param("npmrc.md", b"//host/:_authToken=abc", id="another file about npm"),
        pytest.param("", b"", id="nothing at all"),
    ],
)
def test_what_only_looks_like_a_secret_is_let_through(path: str, head: bytes) -> None:
    assert not secrets.reason(path, head)


@pytest.mark.parametrize(
    "unit", [b"\n", b" ", b"a", b"A ", b"_auth", b"=", b"-----BEGIN ", b"aws_secret_access_key", b"\n_auth ", b"\t\n"]
)
@pytest.mark.parametrize("path", ["x", ".npmrc"])
def test_no_file_takes_long(path: str, unit: bytes) -> None:
    begun = time.process_time()
    secrets.reason(path, (unit * secrets.HEAD)[: secrets.HEAD])
    assert time.process_time() - begun < 0.5
