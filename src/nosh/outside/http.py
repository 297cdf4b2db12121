"""The only door to the network: downloads with retries, limits and honest errors."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from nosh.values.errors import NetworkError

if TYPE_CHECKING:
    import urllib3

_CHUNK = 256 << 10
_ATTEMPTS = 4
_REDIRECTS = 5
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
# A server that is slower than this for a whole minute will not finish.
_TIMEOUT = 30.0
_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/?#]*@")


class AbsentError(NetworkError):
    """The server answers that there is no such thing (404 or 410)."""


class LargerError(NetworkError):
    """There are more bytes than were asked for."""


class _PassingError(NetworkError):
    """May go away when tried again."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach servers.

    Attributes:
        proxies: by scheme (``http``, ``https``); an address or a host with its port.
        no_proxy: host names (and their subdomains) that are reached directly; ``*`` means all.
        authorities: file with the certificates of trusted authorities; empty means the system's.
        offline: refuse everything that is not a file.
        connect_timeout: seconds.
        pause: seconds before the second try, about; each further try waits twice as long.
    """

    proxies: Mapping[str, str] = field(default_factory=dict)
    no_proxy: tuple[str, ...] = ()
    authorities: str = ""
    offline: bool = False
    connect_timeout: float = 10.0
    pause: float = 0.5


class Web:
    """A pool of connections; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._pools: dict[str, urllib3.PoolManager] = {}

    def get(self, url: str, *, limit: int) -> bytes:
        """Return the body, at most `limit` bytes.

        Raises:
            AbsentError: there is no such thing.
            LargerError: the body is larger.
            NetworkError: the server cannot be reached or says no.
        """
        parts: list[bytes] = []
        self.stream(url, parts.append, limit=limit, restart=parts.clear)
        return b"".join(parts)

    def stream(self, url: str, write: Callable[[bytes], object], *, limit: int, restart: Callable[[], object]) -> None:
        """Hand a body to `write` in chunks; `restart` is called before each new try.

        Raises:
            AbsentError: there is no such thing.
            LargerError: there are more than `limit` bytes.
            NetworkError: the server cannot be reached or says no.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._once(url, write, limit)
            except _PassingError as error:
                if attempt == _ATTEMPTS:
                    raise NetworkError(error.message, hint=error.hint) from error
                _back_off(self.settings.pause * 2 ** (attempt - 1), error)
                restart()
            else:
                return

    def _once(self, url: str, write: Callable[[bytes], object], limit: int) -> None:
        scheme = _split(url).scheme
        if scheme == "file":
            _read_file(url, write, limit)
            return
        if scheme not in {"http", "https"}:
            raise _malformed(url)
        if self.settings.offline:
            raise NetworkError(
                f"cannot download {redact(url)}: --offline is given",
                hint="run once without --offline to fill the store",
            )
        for _ in range(_REDIRECTS):
            with self._response(url) as response:
                target = response.get_redirect_location()
                if not target:
                    _receive(response, url, write, limit)
                    return
            url = _redirected(url, target)
        raise NetworkError(f"cannot download {redact(url)}: too many redirections")

    @contextmanager
    def _response(self, url: str) -> Iterator["urllib3.BaseHTTPResponse"]:
        import urllib3  # noqa: PLC0415 - a build that needs no network does not pay for it

        timeout = urllib3.Timeout(connect=self.settings.connect_timeout, read=_TIMEOUT)
        headers = {"Accept-Encoding": "identity", "User-Agent": "nosh"} | _authorization("authorization", url)
        pool = self._pool(url)
        try:
            response = pool.request(
                "GET",
                url,
                headers=headers,
                timeout=timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                yield response
            finally:
                # A body that was read to its end has given its connection back; any other connection is of no use.
                response.close()
        except urllib3.exceptions.LocationValueError as error:
            raise _malformed(url) from error
        except urllib3.exceptions.SSLError as error:
            raise NetworkError(
                f"cannot download {redact(url)}: {_reason(error)}",
                hint="name your authority's certificates with SSL_CERT_FILE",
            ) from error
        except urllib3.exceptions.HTTPError as error:
            raise _PassingError(
                f"cannot download {redact(url)}: {_reason(error)}",
                hint="check the network, the proxy settings and the mirror's address (--mirror URL)",
            ) from error

    def _pool(self, url: str) -> "urllib3.PoolManager":
        parts = _split(url)
        host = parts.hostname or ""
        direct = any(name in {"*", host} or host.endswith("." + name) for name in self.settings.no_proxy if name)
        proxy = "" if direct else self.settings.proxies.get(parts.scheme, "")
        if proxy not in self._pools:
            self._pools[proxy] = _connections(proxy, self.settings.authorities or None)
        return self._pools[proxy]


def _connections(proxy: str, authorities: str | None) -> "urllib3.PoolManager":
    import urllib3  # noqa: PLC0415 - a build that needs no network does not pay for it

    if not proxy:
        return urllib3.PoolManager(maxsize=8, ca_certs=authorities)
    # Many write only the host and the port of a proxy.
    address = proxy if "://" in proxy else f"http://{proxy}"
    try:
        headers = _authorization("proxy-authorization", address)
        return urllib3.ProxyManager(address, maxsize=8, ca_certs=authorities, proxy_headers=headers)
    except (NetworkError, urllib3.exceptions.LocationValueError) as error:
        raise NetworkError(
            f"cannot use the proxy {redact(proxy)}: it is no address of an HTTP proxy", hint="as in http://HOST:3128"
        ) from error


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise _malformed(url) from error


def _malformed(url: str) -> NetworkError:
    return NetworkError(f"cannot download {redact(url)}: the address is malformed")


def _authorization(header: str, url: str) -> dict[str, str]:
    """Return the header with the name and password of an address, if it has any (RFC 7617)."""
    parts = _split(url)
    if parts.username is None:
        return {}
    import base64  # noqa: PLC0415 - start-up time

    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {header: "Basic " + base64.b64encode(pair.encode()).decode()}


def _back_off(pause: float, error: NetworkError) -> None:
    import logging  # noqa: PLC0415 - start-up time
    import random  # noqa: PLC0415 - start-up time

    logging.getLogger(__name__).info("%s; trying again", error.message)
    time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - only spreads load


def _receive(response: "urllib3.BaseHTTPResponse", url: str, write: Callable[[bytes], object], limit: int) -> None:
    status = response.status
    if status in {404, 410}:
        raise AbsentError(f"cannot download {redact(url)}: the server has no such file ({status})")
    if status != 200:
        kind = _PassingError if status in _TRANSIENT else NetworkError
        raise kind(f"cannot download {redact(url)}: the server answers {status} {response.reason or ''}".rstrip())
    total = 0
    # Digests are of the bytes as they are served, whatever a server says that they are.
    for chunk in response.stream(_CHUNK, decode_content=False):
        total += len(chunk)
        if total > limit:
            raise LargerError(f"cannot download {redact(url)}: the server sends more than {limit} bytes")
        write(chunk)


def _redirected(url: str, target: str) -> str:
    try:
        new = urljoin(url, target)
    except ValueError as error:
        raise _malformed(target) from error
    scheme = _split(new).scheme
    if scheme not in {"http", "https"} or (_split(url).scheme == "https" and scheme == "http"):
        raise NetworkError(f"cannot download {redact(url)}: it redirects to {redact(new)}, which is less safe")
    return new


def _read_file(url: str, write: Callable[[bytes], object], limit: int) -> None:
    path = Path(unquote(urlsplit(url).path))
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise AbsentError(f"cannot read {path}: there is no such file") from None
    except OSError as error:
        raise NetworkError(f"cannot read {path}: {error.strerror}") from error
    total = 0
    with file:
        while data := file.read(_CHUNK):
            total += len(data)
            if total > limit:
                raise LargerError(f"cannot read {path}: it has more than {limit} bytes")
            write(data)


def _reason(error: Exception) -> str:
    text = str(getattr(error, "reason", "") or error)
    # What stands before the last colon is how the library calls its connection.
    return text.rpartition(": ")[2] if text.startswith(("<", "HTTP")) else text


def redact(url: str) -> str:
    """Return an address without the user name and password in it."""
    return _USER.sub(r"\1***@", url, count=1) if _USER.match(url) else url
