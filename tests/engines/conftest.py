"""Engines that are on this machine, and an image to run in them."""

import io
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.simulators import python_root

from nosh.engines import run as running
from nosh.engines.engine import Available, Engine, Order
from nosh.formats import tar
from nosh.formats.compression import compressor
from nosh.oci import config as configs
from nosh.oci import manifest as manifests
from nosh.oci.config import Config
from nosh.oci.image import GZIP, Image
from nosh.oci.manifest import Descriptor, Manifest
from nosh.values import digest, platform
from nosh.values.entry import Entry, Kind
from nosh.values.errors import EngineError

MEDIA_TYPE = "application/vnd.oci.image.config.v1+json"
PASSWD = b"root:x:0:0:root:/root:/none\nnonroot:x:65532:65532:nonroot:/home/nonroot:/none\n"
GROUP = b"root:x:0:\nnonroot:x:65532:\nother:x:7:\n"

# One program for all tests: what it is asked to do is in its arguments.
PROGRAM = """
import http.server, json, os, signal, sys, time
verb = sys.argv[1] if len(sys.argv) > 1 else "tell"
if verb == "tell":
    try:
        open("/tmp/x", "w").close()
        writes = True
    except OSError:
        writes = False
    print(json.dumps({"ids": [os.getuid(), os.getgid()], "cwd": os.getcwd(), "argv": sys.argv[1:], "writes": writes,
        "env": {key: os.environ.get(key) for key in ("ONE", "TWO", "HOME")}}))
elif verb == "exit":
    print("last words", flush=True)
    sys.exit(int(sys.argv[2]))
else:
    # A program that is process 1 has to ask for its signals.
    for number in (signal.SIGQUIT, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: os._exit(got))
    class Handler(http.server.BaseHTTPRequestHandler):
        asked = 0
        def do_GET(self):
            Handler.asked += 1
            self.send_response(200 if self.path == "/" or Handler.asked > 2 else 503)
            self.end_headers()
            self.wfile.write(os.environ.get("TWO", "").encode())
    server = http.server.ThreadingHTTPServer(("", 3000), Handler)
    print("ready", flush=True)
    server.serve_forever()
"""


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """An image with a Python, run as nonroot in /srv."""
    folder = tmp_path_factory.mktemp("image")
    argv = python_root.make(folder)
    (folder / "etc").mkdir()
    (folder / "etc/passwd").write_bytes(PASSWD)
    (folder / "etc/group").write_bytes(GROUP)
    (folder / "tmp").mkdir()
    (folder / "srv").mkdir()
    layer, diff_id = _layer(folder)
    config = configs.render(
        Config(
            platform=platform.parse(platform.host()),
            user="nonroot",
            env=(("PATH", "/usr/bin:/bin"), ("ONE", "1"), ("TWO", "2")),
            entrypoint=(*argv[:-1], "-c", PROGRAM),
            cmd=("tell",),
            workdir="/srv",
            stop_signal="SIGQUIT",
            diff_ids=(diff_id,),
        )
    )
    blobs = {digest.of(layer): layer}
    manifest = Manifest(
        Descriptor(MEDIA_TYPE, digest.of(config), len(config)), (Descriptor(GZIP, digest.of(layer), len(layer)),)
    )
    return Image(manifests.render(manifest), config, lambda wanted: io.BytesIO(blobs[wanted]))


def _layer(folder: Path) -> tuple[bytes, digest.Digest]:
    parts = []
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        mode = 0o1777 if name == "tmp" else 0o755
        data = b"" if path.is_dir() else path.read_bytes()
        kind = Kind.DIRECTORY if path.is_dir() else Kind.FILE
        parts += [tar.header(Entry(name, kind, mode, size=len(data))), data, tar.padding(len(data))]
    whole = b"".join([*parts, tar.END])
    return compressor("fast").compress(whole), digest.of(whole)


MARKS = {"docker": [pytest.mark.engine], "podman": [pytest.mark.engine], "sandbox": []}


Find = Callable[[str], Engine]


@pytest.fixture(scope="session")
def find_engine(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Find:
    """Gives an engine by name, or skips what needs it; with NOSH_TEST_ENGINES=1 all of them have to work."""
    state = tmp_path_factory.mktemp("state")
    engines = {engine.name: engine for engine in running.engines(dict(os.environ), state)}
    reasons = {name: _reason(engine, image) for name, engine in engines.items()}

    def find(name: str) -> Engine:
        if reasons[name] and os.environ.get("NOSH_TEST_ENGINES") == "1":
            pytest.fail(f"{name} has to work: {reasons[name]}")
        if reasons[name]:
            pytest.skip(f"{name}: {reasons[name]}")
        return engines[name]

    return find


def _reason(engine: Engine, image: Image) -> str:
    """Return why an engine does not work, or nothing; one that answers may still be unable to start a container."""
    answer = engine.available()
    if not isinstance(answer, Available):
        return answer.reason
    name = f"nosh-test-{secrets.token_hex(4)}"
    try:
        engine.start(Order(image, "nosh-test:1", container=name, args=("exit", "0")))
    except EngineError as error:
        return error.message.splitlines()[0]
    engine.stop(name)
    return ""


@pytest.fixture(scope="session", params=[pytest.param(name, marks=marks) for name, marks in MARKS.items()])
def engine(request: pytest.FixtureRequest, find_engine: Find) -> Engine:
    """Every engine that works here."""
    return find_engine(request.param)
