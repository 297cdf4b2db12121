"""A web server on loopback that has its files in memory and misbehaves when told to."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ALWAYS = 1_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request is answered in place of the usual.

    Attributes:
        body: other bytes than the file's.
        length: what Content-Length says in place of the truth; negative for no such header.
        cut: hang up after so many bytes of the body; negative for not.
        pause: seconds to wait before the answer.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    length: int | None = None
    cut: int = -1
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for; header names are in lower case, `port` tells connections apart."""

    method: str
    path: str
    headers: Mapping[str, str]
    port: int = 0


@dataclass
class Server:
    """A running server.

    Attributes:
        url: its address, without a slash at the end.
        files: path without a slash before it -> bytes; changes count at once.
        asked: every request so far, in order.
    """

    url: str
    files: dict[str, bytes]
    asked: list[Request] = field(default_factory=list)
    _answers: dict[str, tuple[Answer, int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def misbehave(self, path: str, answer: Answer, *, times: int = _ALWAYS) -> None:
        """Answer the next `times` requests for a path in another way."""
        self._answers[path] = answer, times

    def answer(self, request: Request) -> Answer:
        """Note a request and return how to answer it."""
        with self._lock:
            self.asked.append(request)
            path = request.path.lstrip("/")
            answer, left = self._answers.get(path, (Answer(), 0))
            if left:
                self._answers[path] = answer, left - 1
                return answer if answer.body is not None else self._with_file(answer, path)
            if path in self.files:
                return self._with_file(Answer(), path)
            return Answer(404, body=b"no such file\n")

    def _with_file(self, answer: Answer, path: str) -> Answer:
        body = self.files.get(path, b"") if answer.status == 200 else b""
        return Answer(answer.status, answer.headers, body, answer.length, answer.cut, answer.pause)

    def count(self, path: str) -> int:
        """Return how often a path was asked for."""
        return len([request for request in self.asked if request.path.lstrip("/") == path])


@contextmanager
def serve(files: Mapping[str, bytes] | None = None) -> Iterator[Server]:
    """Serve files on a free port of 127.0.0.1 while inside."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as listener:
        listener.daemon_threads = True
        server = Server(f"http://127.0.0.1:{listener.server_address[1]}", dict(files or {}))
        listener.RequestHandlerClass = _handler(server)
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"simulated": server})


class _Handler(BaseHTTPRequestHandler):
    simulated: Server
    protocol_version = "HTTP/1.1"
    # A body that follows its headers must not wait for the client's acknowledgement.
    disable_nagle_algorithm = True
    timeout = 10

    def do_GET(self) -> None:
        self._answer()

    def do_CONNECT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.simulated.answer(Request(self.command, self.path, headers, self.client_address[1]))
        time.sleep(answer.pause)
        body = answer.body or b""
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        length = len(body) if answer.length is None else answer.length
        if length >= 0:
            self.send_header("Content-Length", str(length))
        if length != len(body) or answer.cut >= 0:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body if answer.cut < 0 else body[: answer.cut])

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            # The client has hung up, as it may.
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives it
        """Say nothing."""
