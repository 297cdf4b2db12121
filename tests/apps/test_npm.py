"""Installing dependencies with npm: how it is called, what becomes of its files, and when it is not needed at all."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.apps.conftest import Make
from tests.simulators import npm_program
from tests.simulators.npm_program import Npm

from nosh.apps import node, npm
from nosh.apps.npm import Site
from nosh.apps.project import Project, open_project
from nosh.build.job import Workshop
from nosh.formats.compression import compressor
from nosh.oci.piece import Press
from nosh.outside.http import Settings, Web
from nosh.outside.store import Store
from nosh.sources.tools import Tools
from nosh.values import platform
from nosh.values.entry import Kind
from nosh.values.errors import InputError, NetworkError, ProcessError
from nosh.values.piece import Piece

TIME = 1_700_000_000
LOCK = {"lockfileVersion": 3, "packages": {"": {}, "node_modules/a": {"version": "1.0.0"}}}
APP = {
    "package.json": json.dumps({"dependencies": {"a": "1"}}),
    "package-lock.json": json.dumps(LOCK),
    "index.js": "1",
    "lib/b.js": "2",
}


@dataclass
class Bench:
    """A store, a press and an npm of this test's own."""

    tmp: Path
    compressors: ThreadPoolExecutor
    program: Npm
    environment: dict[str, str] = field(default_factory=dict)
    offline: bool = False

    def install(self, project: Project, *, target: str = "linux/amd64", time: int = TIME) -> Piece:
        store = Store(self.tmp / "store")
        path = f"{self.program.folder}:/usr/bin:/bin"
        tools = Tools({"PATH": path, "HOME": str(self.tmp), **self.environment}, store, offline=self.offline)
        shop = Workshop(store, Web(Settings(offline=True)), tools, compressor("gzip"))
        site = Site(node.plan(project), project, platform.parse(target), time)
        return npm.dependencies(site, Press(store, shop.compressor, self.compressors), shop)

    def modules(self, make: Callable[[Path], object]) -> None:
        folder = self.program.folder / "modules"
        folder.mkdir()
        make(folder)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ThreadPoolExecutor(2) as compressors:
        yield Bench(tmp_path, compressors, npm_program.install(tmp_path / "bin"))


def some(folder: Path) -> None:
    (folder / "a" / "bin").mkdir(parents=True)
    (folder / "a" / "index.js").write_text("x")
    (folder / "a" / "index.js").chmod(0o600)
    (folder / "a" / "bin" / "run").write_text("#!")
    (folder / "a" / "bin" / "run").chmod(0o775)
    (folder / ".bin").mkdir()
    (folder / ".bin" / "run").symlink_to("../a/bin/run")
    (folder / ".package-lock.json").write_text("the registry's address")


def listed(piece: Piece) -> dict[str, str]:
    entries = [node.entry for node in piece.nodes] + list(piece.directories)
    assert {entry.mtime for entry in entries} == {TIME}
    assert {(entry.uid, entry.gid) for entry in entries} == {(0, 0)}
    return {
        entry.path: f"-> {entry.target}" if entry.kind is Kind.SYMLINK else f"{entry.kind.value} {entry.mode:04o}"
        for entry in sorted(entries, key=lambda entry: entry.path)
    }


def test_files_of_dependencies_have_fixed_modes_and_times(bench: Bench, make: Make) -> None:
    bench.modules(some)
    assert listed(bench.install(make(APP))) == {
        "app/node_modules/.bin": "directory 0755",
        "app/node_modules/.bin/run": "-> ../a/bin/run",
        "app/node_modules/a": "directory 0755",
        "app/node_modules/a/bin": "directory 0755",
        "app/node_modules/a/bin/run": "file 0755",
        "app/node_modules/a/index.js": "file 0644",
    }


def test_npm_is_told_the_image_s_platform_and_runs_no_scripts(bench: Bench, make: Make) -> None:
    bench.install(make({**APP, ".npmrc": "fund=false\n"}), target="linux/arm64")
    (call,) = bench.program.calls
    assert call.words == (
        "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--os=linux", "--cpu=arm64", "--libc=glibc",
    )  # fmt: skip
    assert call.files == (".npmrc", "package-lock.json", "package.json")


def test_npm_sees_its_own_settings_and_nothing_else_of_the_environment(bench: Bench, make: Make) -> None:
    bench.environment = {
        "npm_config_registry": "https://registry.example/",
        "HTTPS_PROXY": "http://proxy.example:3128",
        "SSL_CERT_FILE": "/certificates",
        "LANG": "C.UTF-8",
        "AWS_SECRET_ACCESS_KEY": "s3cret",
        "NODE_OPTIONS": "--require=/evil.js",
        "NOSH_STORE": "/x",
    }
    bench.offline = True
    bench.install(make(APP))
    found = bench.program.calls[0].environment
    assert found["npm_config_registry"] == "https://registry.example/"
    assert found["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert found["npm_config_offline"] == "true"
    assert found["npm_config_cache"].startswith(str(bench.tmp / "store"))
    assert {"AWS_SECRET_ACCESS_KEY", "NODE_OPTIONS", "NOSH_STORE"} & set(found) == set()


def test_the_same_lock_needs_no_npm(bench: Bench, make: Make) -> None:
    bench.modules(some)
    app = make(APP)
    first = bench.install(app)
    app.path("index.js").write_text("something else")
    assert bench.install(app) == first
    assert len(bench.program.calls) == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"package.json": json.dumps({"dependencies": {"a": "1"}, "x": 1})}, id="package.json"),
        pytest.param({"package-lock.json": json.dumps({**LOCK, "x": 1})}, id="the lock"),
        pytest.param({".npmrc": "x=y"}, id="npm's settings"),
        pytest.param({"nosh.toml": '[app]\nworkdir = "/srv/app"'}, id="the folder in the image"),
    ],
)
def test_what_decides_the_files_is_installed_anew(bench: Bench, make: Make, change: dict[str, str]) -> None:
    app = make(APP)
    bench.install(app)
    for name, text in change.items():
        app.path(name).write_text(text)
    bench.install(open_project(app.folder))
    assert len(bench.program.calls) == 2
    bench.install(app, target="linux/arm64")
    bench.install(app, time=TIME + 1)
    assert len(bench.program.calls) == 4


def test_a_workspace_is_given_to_npm_as_a_whole(bench: Bench, make: Make) -> None:
    packages = {"": {}, "node_modules/b": {"link": True, "resolved": "lib"}, "lib": {}}
    app = make({**APP, "package-lock.json": json.dumps({"lockfileVersion": 3, "packages": packages})})
    bench.install(app)
    assert bench.program.calls[0].files == ("index.js", "lib", "package-lock.json", "package.json")
    app.path("lib/b.js").write_text("changed")
    bench.install(app)
    assert len(bench.program.calls) == 2


def test_a_dependency_that_links_out_of_the_folder_is_refused(bench: Bench, make: Make) -> None:
    bench.modules(lambda folder: (folder / "evil").symlink_to("/etc"))
    with pytest.raises(
        InputError, match="cannot put link app/node_modules/evil into an image: it leads outside, to /etc"
    ):
        bench.install(make(APP))


def test_what_npm_says_when_it_fails_is_told_with_the_way_out(bench: Bench, make: Make) -> None:
    bench.program.fail("npm error the lock does not fit")
    with pytest.raises(ProcessError, match=r"cannot install the dependencies of .*the lock does not fit") as caught:
        bench.install(make(APP))
    assert "npm ci --omit=dev --ignore-scripts" in caught.value.hint


@pytest.mark.parametrize("version", ["10.2.5", "nonsense"])
def test_an_npm_that_is_too_old_is_passed_over_and_then_there_has_to_be_a_wheel(
    bench: Bench, make: Make, version: str
) -> None:
    (bench.program.folder / "version").write_text(version)
    bench.environment = {"PIP_NO_INDEX": "1"}
    with pytest.raises(NetworkError, match="the machine has none, and pip cannot fetch") as caught:
        bench.install(make(APP))
    assert "install npm" in caught.value.hint
    assert bench.program.calls == ()


@pytest.mark.parametrize("version", ["10.3.0", "10.10.0", "11", "12.0.0-pre.1"])
def test_an_npm_that_is_new_enough_is_used(bench: Bench, make: Make, version: str) -> None:
    (bench.program.folder / "version").write_text(version)
    bench.install(make(APP))
    assert len(bench.program.calls) == 1


def test_a_folder_of_the_user_s_stays_as_it_was(bench: Bench, make: Make) -> None:
    bench.modules(some)
    app = make(APP)
    before = sorted(app.folder.rglob("*"))
    bench.install(app)
    assert sorted(app.folder.rglob("*")) == before
