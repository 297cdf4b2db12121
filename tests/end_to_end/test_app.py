"""From a plain Node app to a container that answers, in every engine, with real packages."""

import json
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest
from tests.end_to_end.conftest import EXAMPLE, Nosh
from tests.simulators import schemas

from nosh.oci import layout, validate
from nosh.oci.image import Image
from nosh.outside import ports

pytestmark = [pytest.mark.packages, pytest.mark.xdist_group("packages")]
ENGINES = [
    pytest.param("docker", marks=pytest.mark.engine),
    pytest.param("podman", marks=pytest.mark.engine),
    "sandbox",
]


def needs(nosh: Nosh, engine: str) -> None:
    checks = {check["name"]: check for check in json.loads(nosh("doctor", "--format", "json").out)["checks"]}
    reason = "" if checks[engine]["state"] == "works" else checks[engine]["detail"]
    if not reason:
        # One that answers may still be unable to start a container.
        done = nosh("run", "hello", "--engine", engine, "--", "--version")
        reason = done.err if done.code else ""
    if reason and os.environ.get("NOSH_TEST_ENGINES") == "1":
        pytest.fail(f"{engine} has to work: {reason}")
    if reason:
        pytest.skip(f"{engine}: {reason.splitlines()[0]}")


def fetch(address: str) -> object:
    with urllib.request.urlopen(address, timeout=10) as response:
        return json.load(response)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.usefixtures("hello")
def test_both_routes_answer(nosh: Nosh, engine: str) -> None:
    needs(nosh, engine)
    name = f"nosh-test-{engine}-{os.getpid()}"
    port = ports.free_port()
    publish = f"{port}:3000"
    words = ("-d", "--engine", engine, "--name", name, "-p", publish, "--wait-http", "/health", "--format", "json")
    done = nosh("run", "hello", *words)
    assert done.code == 0, done.err
    try:
        schemas.check(done.json)
        address = f"http://127.0.0.1:{port}"
        assert done.json["addresses"] == [address]
        answer = fetch(address + "/")
        assert isinstance(answer, dict)
        assert answer["message"] == "Hello from a container with no shell"
        assert str(answer["node"]).startswith("v22.")
        assert fetch(address + "/health") == {"status": "healthy"}
        second = nosh("run", "hello", "-d", "--engine", engine, "--name", f"{name}-2", "-p", publish)
        assert second.code == 4
        assert f"port {port}" in second.err
        assert "hint:" in second.err
    finally:
        stopped = nosh("stop", name, "--engine", engine)
    assert stopped.code == 0, stopped.err
    assert nosh("stop", name, "--engine", engine).code == 2


@pytest.mark.engine
@pytest.mark.usefixtures("hello")
def test_docker_finds_no_shell_but_in_the_debug_variant(nosh: Nosh) -> None:
    needs(nosh, "docker")
    for image, shell in (("hello", False), ("hello:latest-debug", True)):
        name = f"nosh-test-shell-{os.getpid()}-{shell}".lower()
        publish = f"{ports.free_port()}:3000"
        started = nosh(
            "run", image, "-d", "--engine", "docker", "--name", name, "-p", publish, "--wait-http", "/health"
        )
        assert started.code == 0, started.err
        try:
            done = subprocess.run(
                ["docker", "exec", name, "sh", "-c", "id -u"], capture_output=True, text=True, check=False
            )
            assert (done.returncode == 0) is shell
            if shell:
                assert done.stdout.strip() == "65532"
            seen = subprocess.run(["docker", "top", name, "-o", "pid,uid"], capture_output=True, text=True, check=True)
            assert seen.stdout.split()[-1] == "65532"
            code = subprocess.run(["docker", "stop", "-t", "10", name], capture_output=True, check=False).returncode
            state = ["docker", "inspect", "--format", "{{.State.ExitCode}}", name]
            ended = subprocess.run(state, capture_output=True, text=True, check=True).stdout.strip()
            assert (code, ended) == (0, "0"), "SIGTERM has to end it in its grace period"
        finally:
            nosh("stop", name, "--engine", "docker")


def test_the_same_app_elsewhere_has_the_same_digest(
    nosh: Nosh, hello: dict[str, object], downloads: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "somewhere" / "else"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("node_modules"))
    # An empty store, but for what would only be downloaded again.
    blobs = tmp_path / "cache" / "nosh" / "blobs"
    shutil.copytree(downloads / "nosh" / "blobs", blobs, copy_function=os.link)
    done = nosh("build", ".", "-t", "again", "--format", "json", cwd=copy, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.code == 0, done.err
    assert done.json["digest"] == hello["digest"]


def test_what_is_written_is_valid(nosh: Nosh, hello: dict[str, object], tmp_path: Path) -> None:
    image = written(nosh, tmp_path)
    assert image.digest == hello["digest"]
    assert validate.check(image) == ()


@pytest.mark.engine
@pytest.mark.parametrize("transport", ["oci:oci:latest", "oci-archive:hello.tar", "docker-archive:hello.tar"])
@pytest.mark.usefixtures("hello")
def test_skopeo_reads_every_form_and_finds_the_same_layers(nosh: Nosh, tmp_path: Path, transport: str) -> None:
    other_tool("skopeo")
    image = written(nosh, tmp_path)
    subprocess.run(["skopeo", "copy", "-q", transport, "oci:copy:x"], cwd=tmp_path, check=True)
    assert layout.read(tmp_path / "copy").config.diff_ids == image.config.diff_ids


@pytest.mark.engine
@pytest.mark.usefixtures("hello")
def test_umoci_unpacks_every_layer(nosh: Nosh, tmp_path: Path) -> None:
    other_tool("umoci")
    written(nosh, tmp_path)
    words = ["umoci", "unpack", "--image", "oci:latest", "bundle"]
    subprocess.run(words + ([] if os.geteuid() == 0 else ["--rootless"]), cwd=tmp_path, capture_output=True, check=True)
    root = tmp_path / "bundle" / "rootfs"
    assert (root / "app" / "server.js").read_bytes() == (EXAMPLE / "server.js").read_bytes()
    assert (root / "lib").readlink() == Path("usr/lib")


def other_tool(name: str) -> None:
    if shutil.which(name):
        return
    if os.environ.get("NOSH_TEST_ENGINES") == "1":
        pytest.fail(f"{name} has to be there")
    pytest.skip(f"there is no program {name}")


def written(nosh: Nosh, folder: Path) -> Image:
    done = nosh("build", str(EXAMPLE), "-q", "-t", "hello", "-o", str(folder / "oci"), "-o", str(folder / "hello.tar"))
    assert done.code == 0, done.err
    return layout.read(folder / "oci")


@pytest.mark.engine
@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_a_build_can_be_handed_to_an_engine(nosh: Nosh, hello: dict[str, object], engine: str) -> None:
    needs(nosh, engine)
    name = f"nosh-test-load-{os.getpid()}:1"
    done = nosh("build", str(EXAMPLE), "-q", "-t", name, f"--load={engine}")
    assert done.code == 0, done.err
    assert done.out.strip() == hello["digest"]
    try:
        form = '{{json .Config.User}} {{index .Config.Labels "org.opencontainers.image.base.name"}}'
        words = [engine, "image", "inspect", "--format", form, name]
        seen = subprocess.run(words, capture_output=True, text=True, check=True)
        assert seen.stdout.split() == ['"65532"', "nodejs22-debian13:nonroot"]
    finally:
        subprocess.run([engine, "rmi", "--force", name], capture_output=True, check=True)


def test_labels_say_where_it_came_from(nosh: Nosh, tmp_path: Path) -> None:
    words = ("--revision", "abc123", "--label", "team=blue")
    done = nosh("build", str(EXAMPLE), "-q", "-t", "labelled", "-o", str(tmp_path / "oci"), *words)
    assert done.code == 0, done.err
    image = layout.read(tmp_path / "oci")
    labels = image.config.labels
    assert labels["org.opencontainers.image.revision"] == "abc123"
    assert labels["org.opencontainers.image.base.name"] == "nodejs22-debian13:nonroot"
    assert labels["org.opencontainers.image.version"] == "1.0.0"
    assert labels["team"] == "blue"
    assert dict(image.manifest.annotations) == dict(labels)


def test_json_tells_packages_layers_sizes_and_times(hello: dict[str, object]) -> None:
    schemas.check(hello)
    packages = hello["packages"]
    layers = hello["layers"]
    assert isinstance(packages, list)
    assert isinstance(layers, list)
    assert {"libc6", "base-files", "libssl3t64"} <= {package["name"] for package in packages}
    assert [layer["name"] for layer in layers] == ["static", "base", "cc", "nodejs22", "dependencies", "app"]
    assert hello["user"] == "65532"
    assert hello["shells"] == []
    debug = hello["debug"]
    assert isinstance(debug, dict)
    assert debug["shells"] == ["/busybox/busybox"]
    assert [layer["digest"] for layer in debug["layers"]][-2:] == [layer["digest"] for layer in layers][-2:]
