"""Each rule of the image specification is looked at: what breaks one of them is told, and nothing else."""

import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest
from tests.simulators import small_image, trees

from nosh.formats import compression
from nosh.oci import validate
from nosh.oci.image import Image
from nosh.values import digest
from nosh.values.digest import Digest

Document = dict[str, object]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Image:
    with small_image.press(tmp_path_factory.mktemp("store")) as press:
        return small_image.make(press, [trees.file("a", "1")])


@pytest.mark.parametrize("compressor", compression.NAMES)
def test_a_good_image_breaks_no_rule(tmp_path: Path, compressor: str) -> None:
    with small_image.press(tmp_path, compressor=compressor) as press:
        assert validate.check(small_image.make(press, [trees.file("a", "1")], [trees.file("b", "2")])) == ()


def dump(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def with_manifest(image: Image, change: Callable[[Document], object]) -> Image:
    document = json.loads(image.manifest_bytes)
    change(document)
    return replace(image, manifest_bytes=dump(document))


def with_config(image: Image, change: Callable[[Document], object]) -> Image:
    """Return the image with another configuration, which its manifest names rightly."""
    document = json.loads(image.config_bytes)
    change(document)
    config_bytes = dump(document)
    about = json.loads(image.manifest_bytes)
    about["config"] |= {"digest": digest.of(config_bytes), "size": len(config_bytes)}
    return replace(image, manifest_bytes=dump(about), config_bytes=config_bytes)


def first_layer(**changes: object) -> Callable[[Document], object]:
    def change(document: Document) -> None:
        layers = document["layers"]
        assert isinstance(layers, list)
        layers[0] |= changes

    return change


def in_config(**changes: object) -> Callable[[Document], object]:
    def change(document: Document) -> None:
        config = document["config"]
        assert isinstance(config, dict)
        config.update(changes)

    return change


NULL = "sha256:" + "0" * 64
MANIFESTS: dict[str, tuple[Callable[[Document], object], list[str]]] = {
    "another version": (
        lambda document: document.update(schemaVersion=1),
        ["the manifest's schemaVersion is not 2"],
    ),
    "no version": (lambda document: document.pop("schemaVersion"), ["the manifest's schemaVersion is not 2"]),
    "Docker's type": (
        lambda document: document.update(mediaType="application/vnd.docker.distribution.manifest.v2+json"),
        ["the manifest's mediaType is not that of an image manifest"],
    ),
    "a configuration of another type": (
        in_config(mediaType="application/json"),
        ["the configuration's mediaType is not that of an image configuration"],
    ),
    "another configuration's digest": (
        in_config(digest=NULL),
        ["the configuration's digest does not match its bytes"],
    ),
    "another configuration's size": (in_config(size=5), ["the configuration's size does not match its bytes"]),
    "a layer of another type": (
        first_layer(mediaType="application/zip"),
        ["layer 0 has media type application/zip"],
    ),
    "a layer of another size": (first_layer(size=5), ["layer 0 has SIZE bytes, not 5"]),
    "no layer": (
        lambda document: document.update(layers=[]),
        ["the manifest has no layer", "1 diff_ids for 0 layers", "1 entries of history for 0 layers"],
    ),
    "two mistakes": (
        lambda document: document.update(schemaVersion=1, mediaType=""),
        ["the manifest's schemaVersion is not 2", "the manifest's mediaType is not that of an image manifest"],
    ),
    "no manifest at all": (
        lambda document: document.pop("layers"),
        ["cannot read image manifest: KeyError('layers')"],
    ),
}


@pytest.mark.parametrize("summary", MANIFESTS)
def test_rules_of_the_manifest(good: Image, summary: str) -> None:
    change, rules = MANIFESTS[summary]
    found = [broken.rule for broken in validate.check(with_manifest(good, change))]
    assert found == [rule.replace("SIZE", str(good.layers[0].size)) for rule in rules]


CONFIGS: dict[str, tuple[Callable[[Document], object], list[str]]] = {
    "a time that is none": (
        lambda document: document.update(created="yesterday"),
        ["created is 'yesterday', which is no RFC 3339 time"],
    ),
    "a time without a zone": (
        lambda document: document.update(created="2026-01-01T00:00:00"),
        ["created is '2026-01-01T00:00:00', which is no RFC 3339 time"],
    ),
    "a time with a fraction and a zone": (
        lambda document: document.update(created="2026-01-01T00:00:00.123+01:00"),
        [],
    ),
    "no architecture": (lambda document: document.update(architecture=""), ["architecture or os is missing"]),
    "no system": (lambda document: document.update(os=""), ["architecture or os is missing"]),
    "too few diff_ids": (
        lambda document: document.update(rootfs={"type": "layers", "diff_ids": []}),
        ["0 diff_ids for 1 layers"],
    ),
    "too much history": (
        lambda document: document.update(history=[{"created_by": "a"}, {"created_by": "b"}]),
        ["2 entries of history for 1 layers"],
    ),
    "history of empty layers": (
        lambda document: document.update(history=[{"created_by": "a"}, {"created_by": "b", "empty_layer": True}]),
        [],
    ),
    "no history": (lambda document: document.pop("history"), []),
    "a port that is none": (
        lambda document: document.update(config={"ExposedPorts": {"http": {}}}),
        ["exposed port 'http' is not PORT/tcp or PORT/udp"],
    ),
    "a port of another protocol": (
        lambda document: document.update(config={"ExposedPorts": {"80/tcp": {}, "80": {}, "80/sctp": {}}}),
        ["exposed port '80/sctp' is not PORT/tcp or PORT/udp"],
    ),
    "a variable without a name": (
        lambda document: document.update(config={"Env": ["A=b", "=c"]}),
        ["a variable of the environment has no name"],
    ),
    "another diff_id": (
        lambda document: document.update(rootfs={"type": "layers", "diff_ids": [NULL]}),
        ["layer 0 does not have its diff_id"],
    ),
    "two mistakes": (
        lambda document: document.update(created="x", os=""),
        ["created is 'x', which is no RFC 3339 time", "architecture or os is missing"],
    ),
    "no configuration at all": (
        lambda document: document.pop("rootfs"),
        ["cannot read image configuration: KeyError('rootfs')"],
    ),
}


@pytest.mark.parametrize("summary", CONFIGS)
def test_rules_of_the_configuration(good: Image, summary: str) -> None:
    change, rules = CONFIGS[summary]
    assert [broken.rule for broken in validate.check(with_config(good, change))] == rules


def test_documents_that_are_no_json(good: Image) -> None:
    [broken] = validate.check(replace(good, manifest_bytes=b"{"))
    assert broken.rule.startswith("cannot read image manifest: ")
    assert broken.section == "manifest.md"
    found = [broken.rule for broken in validate.check(replace(good, config_bytes=b"{" * len(good.config_bytes)))]
    assert found[0] == "the configuration's digest does not match its bytes"
    assert found[1].startswith("cannot read image configuration: ")
    assert len(found) == 2


def with_layer(image: Image, change: Callable[[bytes], bytes]) -> Image:
    def open_(wanted: Digest) -> BinaryIO:
        with image.open(wanted) as file:
            return BytesIO(change(file.read()))

    return replace(image, open=open_)


def test_a_layer_of_other_bytes(good: Image) -> None:
    other = compression.compressor("gzip").compress(b"something else")
    found = [broken.rule for broken in validate.check(with_layer(good, lambda _: other))]
    assert found == [
        f"layer 0 has {len(other)} bytes, not {good.layers[0].size}",
        "layer 0 does not have its digest",
        "layer 0 does not have its diff_id",
    ]


def test_a_layer_that_is_cut_short_hides_no_other_mistake(good: Image) -> None:
    broken = with_layer(with_config(good, lambda document: document.update(created="x")), lambda data: data[:-9])
    assert [one.rule for one in validate.check(broken)] == [
        "created is 'x', which is no RFC 3339 time",
        f"layer 0 has {good.layers[0].size - 9} bytes, not {good.layers[0].size}",
        "layer 0 does not have its digest",
        "layer 0: cannot decompress: the gzip data is cut short",
    ]


def test_every_broken_rule_names_its_section(good: Image) -> None:
    images = [with_manifest(good, change) for change, _ in MANIFESTS.values()]
    images += [with_config(good, change) for change, _ in CONFIGS.values()]
    sections = {broken.section.partition("#")[0] for image in images for broken in validate.check(image)}
    assert sections == {"manifest.md", "config.md", "descriptor.md"}
