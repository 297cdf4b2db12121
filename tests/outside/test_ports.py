"""Ports are taken or the next free one is named; a program is asked over HTTP whether it is well."""

import http.server
import socket
import threading
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from nosh.outside import ports, probe
from nosh.outside.ports import Port
from nosh.values.errors import EngineError, ExitCode


def test_a_free_port_can_be_taken() -> None:
    number = ports.free_port()
    with ports.listen(Port(number, 80)) as taken:
        assert taken.getsockname() == ("127.0.0.1", number)


def test_a_port_in_use_is_told_with_one_that_is_free() -> None:
    with ports.listen(Port(ports.free_port(), 80)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(EngineError, match=f"cannot use port {number}: address already in use") as caught:
            ports.listen(Port(number, 80))
    assert caught.value.exit_code == ExitCode.OUTSIDE
    free, inner = caught.value.hint.rpartition("-p ")[2].split(":")
    assert inner == "80"
    assert int(free) != number
    with ports.listen(Port(int(free), 80)):
        pass


def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(EngineError, match="cannot use port 8000: cannot assign requested address"):
        ports.listen(Port(8000, 80, "192.0.2.1"))


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(EngineError, match="cannot use port 8000: ") as caught:
        ports.listen(Port(8000, 80, "300.1.1.1"))
    assert "nknown error" not in caught.value.message


def test_a_port_near_another_is_above_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        near = ports.free_port(near=number)
    assert near != number
    assert number < near < number + 100 or near >= 1024


def test_a_port_near_a_small_number_needs_no_rights() -> None:
    assert ports.free_port(near=80) >= 1024


def test_the_last_port_has_a_neighbour_elsewhere() -> None:
    assert 1024 <= ports.free_port(near=65535) <= 65535


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/hangup":
            return
        self.send_response(int(self.path.removeprefix("/")))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is Python's
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running.server_port
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.INTERNAL_SERVER_ERROR])
def test_an_answer_is_its_status(server: int, status: int) -> None:
    assert probe.status("127.0.0.1", server, path=f"/{int(status)}") == status


def test_no_answer_is_told_in_words(server: int) -> None:
    assert "refused" in str(probe.status("127.0.0.1", ports.free_port(), path="/"))
    assert "closed connection" in str(probe.status("127.0.0.1", server, path="/hangup"))


@pytest.mark.parametrize("path", ["/a b", "/ü", "/a\nb"])
def test_a_path_that_cannot_be_asked_for_is_told_in_words(server: int, path: str) -> None:
    assert isinstance(probe.status("127.0.0.1", server, path=path), str)


def test_a_program_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert probe.status("127.0.0.1", silent.getsockname()[1], path="/", timeout=0.1) == "timed out"
