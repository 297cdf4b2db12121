"""Downloads: what passes is tried again, what stays is said at once, and nobody is believed about sizes."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.simulators import web_server
from tests.simulators.web_server import Answer, Server

from nosh.outside.http import AbsentError, LargerError, Settings, Web, redact
from nosh.values.errors import NetworkError

BODY = bytes(range(256)) * 4096
QUICK = Settings(pause=0.0)


@pytest.fixture
def server() -> Iterator[Server]:
    with web_server.serve({"file": BODY}) as server:
        yield server


@dataclass
class Sink:
    """Takes a stream as a file on disk does."""

    data: bytearray = field(default_factory=bytearray)
    restarts: int = 0

    def restart(self) -> None:
        self.restarts += 1
        self.data.clear()

    def fill(self, url: str, *, limit: int = len(BODY), settings: Settings = QUICK) -> "Sink":
        Web(settings).stream(url, self.data.extend, limit=limit, restart=self.restart)
        return self


def test_a_body_arrives_whole_and_in_one_try(server: Server) -> None:
    sink = Sink().fill(f"{server.url}/file")
    assert (bytes(sink.data), sink.restarts, server.count("file")) == (BODY, 0, 1)


def test_one_connection_serves_many_requests(server: Server) -> None:
    web = Web(QUICK)
    assert [web.get(f"{server.url}/file", limit=len(BODY)) for _ in range(3)] == [BODY] * 3
    assert len({request.port for request in server.asked}) == 1
    assert {request.headers["user-agent"] for request in server.asked} == {"nosh"}


PASSING: dict[str, Answer] = {
    "the server is busy": Answer(503),
    "too many requests": Answer(429),
    "a gateway fails": Answer(502),
    "the connection is cut in the middle": Answer(cut=100_000),
    "the connection is cut before the first byte": Answer(cut=0),
    "the body is shorter than the server says": Answer(body=BODY[:1000], length=len(BODY)),
}


@pytest.mark.parametrize("summary", PASSING)
def test_what_passes_is_tried_again_from_the_start(server: Server, summary: str) -> None:
    server.misbehave("file", PASSING[summary], times=2)
    sink = Sink().fill(f"{server.url}/file")
    assert (bytes(sink.data), sink.restarts, server.count("file")) == (BODY, 2, 3)


@pytest.mark.parametrize("summary", PASSING)
def test_what_does_not_pass_is_an_error_after_four_tries(server: Server, summary: str) -> None:
    server.misbehave("file", PASSING[summary])
    with pytest.raises(NetworkError, match=r"^cannot download http://127\.0\.0\.1:\d+/file: "):
        Sink().fill(f"{server.url}/file")
    assert server.count("file") == 4


def test_between_tries_there_is_a_pause_that_grows(server: Server) -> None:
    server.misbehave("file", Answer(503), times=2)
    started = time.perf_counter()
    Sink().fill(f"{server.url}/file", settings=Settings(pause=0.05))
    assert 0.05 * 0.5 + 0.1 * 0.5 <= time.perf_counter() - started < 5


STAYING: dict[str, tuple[Answer, type[NetworkError], str]] = {
    "there is no such file": (Answer(404), AbsentError, "no such file"),
    "the file is gone": (Answer(410), AbsentError, "no such file"),
    "a password is asked for": (Answer(401), NetworkError, "answers 401"),
    "access is forbidden": (Answer(403), NetworkError, "answers 403 Forbidden"),
    "only a part is sent": (Answer(206), NetworkError, "answers 206"),
    "nothing is sent": (Answer(204, length=-1), NetworkError, "answers 204"),
    "a redirection leads nowhere": (Answer(302), NetworkError, "answers 302"),
    "a redirection leads to itself": (Answer(302, {"Location": "/file"}), NetworkError, "too many redirections"),
    "a redirection leads to a file of this machine": (
        Answer(302, {"Location": "file:///etc/passwd"}),
        NetworkError,
        "redirects to file:///etc/passwd",
    ),
    "a redirection leads to another protocol": (
        Answer(302, {"Location": "ftp://127.0.0.1/file"}),
        NetworkError,
        "redirects to ftp:",
    ),
    "a redirection leads to nonsense": (Answer(302, {"Location": "http://[::1/file"}), NetworkError, "malformed"),
    "a redirection leads to no port": (Answer(302, {"Location": "http://x:99999/"}), NetworkError, "malformed"),
}


@pytest.mark.parametrize("summary", STAYING)
def test_what_stays_is_said_at_once(server: Server, summary: str) -> None:
    answer, kind, text = STAYING[summary]
    server.misbehave("file", answer)
    with pytest.raises(kind, match=text):
        Sink().fill(f"{server.url}/file")
    assert server.count("file") == (5 if "itself" in summary else 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_is_followed(server: Server, status: int) -> None:
    server.misbehave("old", Answer(status, {"Location": f"{server.url}/older"}))
    server.misbehave("older", Answer(status, {"Location": "file"}))
    assert bytes(Sink().fill(f"{server.url}/old").data) == BODY
    assert [request.path for request in server.asked] == ["/old", "/older", "/file"]


def test_a_redirection_on_a_connection_that_stays_open_is_followed(server: Server) -> None:
    web = Web(QUICK)
    server.misbehave("old", Answer(302, {"Location": "file"}, body=b"moved"))
    for _ in range(2):
        assert web.get(f"{server.url}/file", limit=len(BODY)) == BODY
        assert web.get(f"{server.url}/old", limit=len(BODY)) == BODY
    assert [request.path for request in server.asked] == ["/file", "/old", "/file"] * 2
    assert len({request.port for request in server.asked[1:3]}) == 2


def test_a_redirection_from_https_to_http_is_refused() -> None:
    from nosh.outside import http  # noqa: PLC0415 - one private function; a TLS server would prove no more

    with pytest.raises(NetworkError, match="less safe"):
        http._redirected("https://127.0.0.1/a", "http://127.0.0.1/b")
    assert http._redirected("http://127.0.0.1/a", "https://127.0.0.1/b") == "https://127.0.0.1/b"


LARGER: dict[str, Answer] = {
    "and the server says so": Answer(body=BODY + b"x"),
    "and the server says nothing": Answer(body=BODY + b"x", length=-1),
    "without an end": Answer(body=BODY * 20, length=-1),
}


@pytest.mark.parametrize("summary", LARGER)
def test_a_body_that_is_larger_than_the_limit_is_not_read(server: Server, summary: str) -> None:
    server.misbehave("file", LARGER[summary])
    sink = Sink()
    with pytest.raises(LargerError, match=f"more than {len(BODY)} bytes"):
        sink.fill(f"{server.url}/file")
    assert len(sink.data) <= len(BODY)
    assert server.count("file") == 1


def test_a_body_of_unknown_length_arrives(server: Server) -> None:
    server.misbehave("file", Answer(body=BODY, length=-1))
    assert bytes(Sink().fill(f"{server.url}/file").data) == BODY


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "nonsense"])
def test_bytes_stay_as_they_are_whatever_the_server_calls_them(server: Server, encoding: str) -> None:
    server.misbehave("file", Answer(headers={"Content-Encoding": encoding}, body=BODY))
    assert bytes(Sink().fill(f"{server.url}/file").data) == BODY
    assert server.asked[0].headers["accept-encoding"] == "identity"


def test_a_server_that_takes_its_time_is_waited_for(server: Server) -> None:
    server.misbehave("file", Answer(pause=0.3), times=1)
    assert bytes(Sink().fill(f"{server.url}/file").data) == BODY
    assert server.count("file") == 1


def test_nobody_listens() -> None:
    with web_server.serve() as server:
        url = server.url
    with pytest.raises(NetworkError, match="refused") as caught:
        Sink().fill(f"{url}/file")
    assert "--mirror" in caught.value.hint


@pytest.mark.parametrize("url", ["http://[::1/x", "http://127.0.0.1:99999/x", "http:///x", "gopher://127.0.0.1/x", "x"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(NetworkError, match="malformed"):
        Sink().fill(url)


def test_offline_asks_nobody_but_reads_files(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BODY)
    settings = Settings(offline=True)
    with pytest.raises(NetworkError, match="--offline"):
        Sink().fill(f"{server.url}/file", settings=settings)
    assert server.asked == []
    assert bytes(Sink().fill(f"file:{tmp_path}/file", settings=settings).data) == BODY


FILES: dict[str, tuple[str, int, type[NetworkError], str]] = {
    "there is no such file": ("none", 1000, AbsentError, "there is no such file"),
    "it is larger than the limit": ("a file", 3, LargerError, "more than 3 bytes"),
    "it is a folder": ("", 1000, NetworkError, "directory"),
}


@pytest.mark.parametrize("summary", FILES)
def test_files_that_cannot_be_read(tmp_path: Path, summary: str) -> None:
    name, limit, kind, text = FILES[summary]
    (tmp_path / "a file").write_bytes(b"four")
    with pytest.raises(kind, match=text):
        Web(QUICK).get(f"file:{tmp_path}/{name}", limit=limit)


@pytest.mark.parametrize("form", ["file:{}", "file://{}", "file://localhost{}"])
def test_files_have_several_addresses(tmp_path: Path, form: str) -> None:
    (tmp_path / "a file").write_bytes(b"four")
    assert Web(QUICK).get(form.format(tmp_path) + "/a%20file", limit=4) == b"four"


def test_a_name_and_password_are_sent_and_never_shown(server: Server) -> None:
    url = server.url.replace("//", "//me:s%40cret@")
    Sink().fill(f"{url}/file")
    assert server.asked[0].headers["authorization"] == "Basic bWU6c0BjcmV0"
    for answer in (
        Answer(404),
        Answer(403),
        Answer(body=BODY * 2),
        Answer(302, {"Location": "file:///x"}),
        Answer(503),
    ):
        server.misbehave("file", answer)
        with pytest.raises(NetworkError, match=r"http://\*\*\*@127\.0\.0\.1") as caught:
            Sink().fill(f"{url}/file")
        assert "cret" not in caught.value.message + caught.value.hint


def test_a_name_and_password_are_not_handed_on_to_another_server(server: Server) -> None:
    with web_server.serve({"file": BODY}) as other:
        server.misbehave("file", Answer(302, {"Location": f"{other.url}/file"}))
        Sink().fill(server.url.replace("//", "//me:secret@") + "/file")
        assert "authorization" not in other.asked[0].headers


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://me:secret@127.0.0.1:80/a@b", "http://***@127.0.0.1:80/a@b"),
        ("http://token@127.0.0.1/", "http://***@127.0.0.1/"),
        ("http://a@b@127.0.0.1/", "http://***@127.0.0.1/"),
        ("http://127.0.0.1/a@b", "http://127.0.0.1/a@b"),
        ("file:/a@b", "file:/a@b"),
        ("http://me:secret@[::1/x", "http://***@[::1/x"),
    ],
)
def test_redacted_addresses(url: str, shown: str) -> None:
    assert redact(url) == shown


@dataclass(frozen=True)
class Way:
    """Which way a request for the host ``mirror.test`` or for loopback goes."""

    host: str
    no_proxy: tuple[str, ...]
    by_proxy: bool


WAYS: Mapping[str, Way] = {
    "nothing is excepted": Way("mirror.test", (), by_proxy=True),
    "an empty word excepts nothing": Way("mirror.test", ("",), by_proxy=True),
    "another host is excepted": Way("mirror.test", ("other.test",), by_proxy=True),
    "a name that only ends the same is another host": Way("mirror.test", ("ror.test",), by_proxy=True),
    "the host is excepted": Way("127.0.0.1", ("127.0.0.1",), by_proxy=False),
    "everything is excepted": Way("127.0.0.1", ("*",), by_proxy=False),
}


@pytest.mark.parametrize("summary", WAYS)
def test_which_way_a_request_goes(server: Server, summary: str) -> None:
    way = WAYS[summary]
    port = server.url.rpartition(":")[2]
    with web_server.serve() as proxy:
        url = f"http://{way.host}:{port}/file"
        proxy.files[url] = BODY
        settings = Settings(proxies={"http": proxy.url}, no_proxy=way.no_proxy, pause=0.0)
        assert bytes(Sink().fill(url, settings=settings).data) == BODY
        assert (len(proxy.asked), len(server.asked)) == ((1, 0) if way.by_proxy else (0, 1))


PROXIES: Mapping[str, Callable[[str], str]] = {
    "an address": lambda url: url,
    "a host and a port only": lambda url: url.removeprefix("http://"),
    "a name and a password": lambda url: url.replace("//", "//me:s%40cret@"),
}


@pytest.mark.parametrize("summary", PROXIES)
def test_ways_to_write_a_proxy(summary: str) -> None:
    with web_server.serve({"http://mirror.test/file": BODY}) as proxy:
        settings = Settings(proxies={"http": PROXIES[summary](proxy.url)}, pause=0.0)
        assert bytes(Sink().fill("http://mirror.test/file", settings=settings).data) == BODY
        expected = "Basic bWU6c0BjcmV0" if "password" in summary else None
        assert proxy.asked[0].headers.get("proxy-authorization") == expected


def test_https_goes_through_a_tunnel_of_the_proxy() -> None:
    with web_server.serve() as proxy:
        proxy.misbehave("mirror.test:443", Answer(403, {"Connection": "close"}))
        settings = Settings(proxies={"https": proxy.url.replace("//", "//me:secret@")}, pause=0.0)
        with pytest.raises(NetworkError, match=r"mirror\.test") as caught:
            Sink().fill("https://mirror.test/file", settings=settings)
        assert "secret" not in caught.value.message
        assert {(request.method, request.path) for request in proxy.asked} == {("CONNECT", "mirror.test:443")}
        assert proxy.asked[0].headers["proxy-authorization"].startswith("Basic ")


@pytest.mark.parametrize("proxy", ["gopher://127.0.0.1:1", "http://[::1", "socks5://127.0.0.1:1"])
def test_a_proxy_that_is_none(proxy: str) -> None:
    with pytest.raises(NetworkError, match="the proxy"):
        Sink().fill("http://mirror.test/file", settings=Settings(proxies={"http": proxy}, pause=0.0))
