"""The same image behaves the same in Docker, in Podman and in the sandbox."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest
from tests.engines.conftest import Find

from nosh.engines import run as running
from nosh.engines.commandline import CommandLine
from nosh.engines.engine import Available, Engine, Order, Skipped, port
from nosh.engines.run import Running
from nosh.engines.sandbox import Sandbox
from nosh.oci import edit, images
from nosh.oci.image import Image
from nosh.outside import ports, process
from nosh.outside.ports import Port
from nosh.outside.store import Store
from nosh.values import platform as platforms
from nosh.values.errors import EngineError, NotFoundError, UsageError

NAME = "nosh-test:1"


def order_of(image: Image, *args: str, container: str = "", published: tuple[Port, ...] = ()) -> Order:
    return Order(image, NAME, container=container, ports=published, args=args)


@contextmanager
def started(engine: Engine, order: Order, path: str = "") -> Iterator[Running]:
    order = replace(order, container=order.container or f"nosh-test-{secrets.token_hex(4)}")
    found = running.start(engine, order, path=path)
    try:
        yield found
    finally:
        engine.stop(order.container, grace=1)


def told(engine: Engine, order: Order, capfd: pytest.CaptureFixture[str]) -> dict[str, object]:
    assert engine.run(order) == 0
    return dict(json.loads(capfd.readouterr().out))


def test_user_folder_environment_and_arguments_are_the_images(
    engine: Engine, image: Image, capfd: pytest.CaptureFixture[str]
) -> None:
    assert told(engine, order_of(image), capfd) == {
        "ids": [65532, 65532],
        "cwd": "/srv",
        "argv": ["tell"],
        "writes": True,
        "env": {"ONE": "1", "TWO": "2", "HOME": "/home/nonroot"},
    }


def test_the_order_goes_before_the_image(engine: Engine, image: Image, capfd: pytest.CaptureFixture[str]) -> None:
    order = replace(
        order_of(image, "tell", "a b"), env={"TWO": "other $X 'y'", "PATH": "/none"}, user="7:other", read_only=True
    )
    found = told(engine, order, capfd)
    assert found["ids"] == [7, 7]
    assert found["argv"] == ["tell", "a b"]
    environment = found["env"]
    assert isinstance(environment, dict)
    # Where somebody without an account is at home, engines do not agree.
    assert {"ONE": "1", "TWO": "other $X 'y'"}.items() <= environment.items()
    assert found["writes"] is False


def test_the_exit_code_is_the_programs(engine: Engine, image: Image) -> None:
    assert engine.run(order_of(image, "exit", "42")) == 42


def test_healthy_reached_and_stopped(engine: Engine, image: Image) -> None:
    number = ports.free_port()
    with started(engine, order_of(image, "serve", published=(Port(number, 3000),)), "/health") as found:
        assert found.addresses == (f"http://127.0.0.1:{number}",)
        with urllib.request.urlopen(found.addresses[0], timeout=5) as response:
            assert response.read() == b"2"
        assert engine.ended(found.container) is None
        began = time.monotonic()
        assert engine.stop(found.container) is True
        assert time.monotonic() - began < 5, "the image's stop signal ends it; nobody waits until it is killed"
        assert engine.stop(found.container) is False
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", number), 1)


def test_copies_run_side_by_side_on_the_same_port_inside(engine: Engine, image: Image) -> None:
    one, two = ports.free_port(), ports.free_port(near=40000)
    with (
        started(engine, order_of(image, "serve", published=(Port(one, 3000),)), "/"),
        started(engine, order_of(image, "serve", published=(Port(two, 3000),)), "/"),
    ):
        for number in (one, two):
            with urllib.request.urlopen(f"http://127.0.0.1:{number}/", timeout=5) as response:
                assert response.read() == b"2"


def test_the_address_is_where_the_port_is_open(engine: Engine, image: Image) -> None:
    number = ports.free_port()
    order = order_of(image, "serve", published=(Port(number, 3000, "127.0.0.1"),))
    with started(engine, order, "/"), pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", number), 1)


def test_a_program_that_ends_is_not_waited_for(engine: Engine, image: Image) -> None:
    order = order_of(image, "exit", "3", published=(Port(ports.free_port(), 3000),), container="nosh-test-ends")
    began = time.monotonic()
    with pytest.raises(EngineError, match="the program ended with 3 before it was healthy\nlast words"):
        running.start(engine, order, path="/")
    assert time.monotonic() - began < 15
    assert engine.stop("nosh-test-ends") is False, "nothing is left of it"


def test_what_never_gets_healthy_is_stopped(engine: Engine, image: Image) -> None:
    order = order_of(image, "serve", published=(Port(ports.free_port(), 3001),), container="nosh-test-sick")
    with pytest.raises(EngineError, match="was not healthy within 1 seconds") as caught:
        running.start(engine, order, path="/", timeout=1)
    assert "listen" in caught.value.hint
    assert engine.stop("nosh-test-sick") is False


def test_a_port_in_use_is_named_before_anything_starts(engine: Engine, image: Image) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        order = order_of(image, "serve", published=(Port(number, 3000),), container="nosh-test-busy")
        with pytest.raises(EngineError, match=f"cannot use port {number}: address already in use") as caught:
            running.start(engine, order)
    offered = re.search(r"-p (\d+):3000", caught.value.hint)
    assert offered
    assert int(offered[1]) != number
    assert engine.stop("nosh-test-busy") is False


def test_follow_returns_the_programs_code(engine: Engine, image: Image) -> None:
    found = running.start(engine, order_of(image, "exit", "9", container="nosh-test-follow"))
    assert running.follow(engine, found) == 9
    assert engine.stop("nosh-test-follow") is False


def test_an_unknown_user_is_an_error(engine: Engine, image: Image) -> None:
    order = replace(order_of(image, container="nosh-test-user"), user="nobody-knows")
    with pytest.raises(EngineError):
        engine.start(order)
    assert engine.stop("nosh-test-user") is False


def test_a_name_that_is_taken(engine: Engine, image: Image) -> None:
    with started(engine, order_of(image, "serve", container="nosh-test-taken")) as found:
        with pytest.raises(EngineError, match="nosh-test-taken"):
            engine.start(order_of(image, "serve", container="nosh-test-taken"))
        assert engine.ended(found.container) is None, "the first one goes on"


FOREGROUND = """
import json, os, sys
from pathlib import Path
from nosh.engines import run as running
from nosh.engines.engine import Order
from nosh.oci import edit, images
state, folder, name, tag = sys.argv[1:]
engine = next(engine for engine in running.engines(dict(os.environ), Path(state)) if engine.name == name)
sys.exit(engine.run(Order(images.read(Path(folder), "one:1"), tag, args=("serve",))))
"""


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_a_program_in_the_foreground(
    engine: Engine, image: Image, tmp_path: Path, sent: signal.Signals
) -> None:
    images.write(image, tmp_path / "images", "one:1", Store(tmp_path / "cache"))
    words = (str(tmp_path / "state"), str(tmp_path / "images"), engine.name, NAME)
    with subprocess.Popen(
        [sys.executable, "-c", FOREGROUND, *words],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == b"ready\n"
        child.send_signal(sent)
        # The sandbox sends the image's stop signal; an engine hands on what it gets.
        assert child.wait(15) == (signal.SIGQUIT if engine.name == "sandbox" else sent)


@pytest.mark.engine
@pytest.mark.parametrize("name", ["docker", "podman"])
def test_only_what_nosh_started_is_stopped(name: str, image: Image, find_engine: Find) -> None:
    find_engine(name)
    engine = CommandLine(name, name, dict(os.environ))
    loaded = engine.load(image, NAME)
    subprocess.run([name, "run", "-d", "--name", "nosh-test-foreign", loaded, "serve"], check=True, capture_output=True)
    try:
        with pytest.raises(EngineError, match="nosh did not start it") as caught:
            engine.stop("nosh-test-foreign")
        assert caught.value.hint == f"{name} stop nosh-test-foreign"
        form = "{{.State.Running}}"
        said = subprocess.run([name, "inspect", "-f", form, "nosh-test-foreign"], check=True, capture_output=True)
        assert said.stdout.strip() == b"true"
    finally:
        for words in (("kill", "nosh-test-foreign"), ("rm", "-f", "nosh-test-foreign")):
            subprocess.run([name, *words], check=True, capture_output=True)


@pytest.mark.engine
@pytest.mark.parametrize("name", ["docker", "podman"])
def test_an_image_is_loaded_once(name: str, image: Image, find_engine: Find) -> None:
    find_engine(name)
    engine = CommandLine(name, name, dict(os.environ))
    engine.load(image, NAME)
    unreadable = Image(image.manifest_bytes, image.config_bytes, _never)
    assert engine.load(unreadable, NAME).endswith(NAME)


def _never(_: object) -> BinaryIO:
    raise AssertionError("the layers are read again")


MISSING: dict[str, tuple[dict[str, str], str]] = {
    "no program": ({"PATH": "/nonexistent"}, "there is no program docker"),
    "no daemon": ({"PATH": os.environ["PATH"], "DOCKER_HOST": "unix:///nonexistent/d.sock"}, "/nonexistent/d.sock"),
}


@pytest.mark.parametrize("summary", MISSING)
def test_an_engine_that_does_not_work_says_why(summary: str, tmp_path: Path) -> None:
    environment, reason = MISSING[summary]
    if summary == "no daemon" and not process.which("docker", environment["PATH"]):
        pytest.skip("there is no docker program here")
    candidates = running.engines(environment, tmp_path)
    with pytest.raises(EngineError, match="cannot use docker: ") as caught:
        running.choose(candidates, "docker")
    assert reason in caught.value.message
    assert caught.value.hint


class _Fixed:
    """An engine of which only the answer matters."""

    def __init__(self, name: str, answer: Available | Skipped) -> None:
        self.name = name
        self.answer = answer

    def available(self) -> Available | Skipped:
        return self.answer

    def run(self, order: Order) -> int:
        raise NotImplementedError

    def start(self, order: Order) -> str:
        raise NotImplementedError

    def stop(self, container: str, *, grace: float = 0) -> bool:
        raise NotImplementedError

    def ended(self, container: str) -> None:
        raise NotImplementedError


def test_the_first_engine_that_works_is_chosen() -> None:
    no, yes = Skipped("it sleeps", "wake it"), Available("1")
    one, two, three = _Fixed("one", no), _Fixed("two", yes), _Fixed("three", yes)
    assert running.choose([one, two, three]) is two
    assert running.choose([one, two, three], "three") is three
    with pytest.raises(EngineError, match="cannot use one: one: it sleeps") as caught:
        running.choose([one, two, three], "one")
    assert caught.value.hint == "wake it"


def test_an_image_is_laid_out_once(image: Image, tmp_path: Path) -> None:
    engine = Sandbox(tmp_path)
    root = engine.lay_out(image)
    assert (root / "etc/passwd").read_text().startswith("root")
    assert engine.lay_out(Image(image.manifest_bytes, image.config_bytes, _never)) == root


def test_a_program_of_another_machine_says_for_which_one_it_is(image: Image, tmp_path: Path) -> None:
    engine = Sandbox(tmp_path)
    if not isinstance(engine.available(), Available):
        pytest.skip("this machine gives no namespaces")
    other = next(one for one in platforms.ALL if one.architecture != image.config.platform.architecture)
    foreign = edit.configure(image, replace(image.config, platform=other, entrypoint=("/etc/passwd",)))
    with pytest.raises(EngineError) as caught:
        engine.run(order_of(foreign))
    assert f"the image is for {other}" in caught.value.hint


def test_stopping_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="cannot stop web: no sandbox"):
        running.stop([Sandbox(tmp_path)], "web")


PORTS = {
    "3000": Port(3000, 3000),
    "8080:3000": Port(8080, 3000),
    "8080:3000/tcp": Port(8080, 3000),
    "0.0.0.0:8080:3000": Port(8080, 3000, "0.0.0.0"),
    "localhost:8080:3000": Port(8080, 3000, "127.0.0.1"),
    "[::1]:8080:3000": Port(8080, 3000, "::1"),
    "": None,
    "0": None,
    "65536": None,
    "80:": None,
    ":80": None,
    "80:90/udp": None,
    "a:80": None,
    "1:2:3:4": None,
    "8000-8010:80": None,
}


@pytest.mark.parametrize("text", PORTS)
def test_ports_are_read_as_people_write_them(text: str) -> None:
    expected = PORTS[text]
    if expected is None:
        with pytest.raises(UsageError, match="cannot use -p"):
            port(text)
    else:
        assert port(text) == expected
