"""What the image specification asks of an image, rule by rule; every broken one is named."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nosh.formats import compression
from nosh.oci import config as configuration
from nosh.oci import manifest as manifests
from nosh.oci.image import GZIP, TAR, ZSTD, Image
from nosh.values import digest as digests
from nosh.values.errors import FormatError

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
_LAYERS = {GZIP, ZSTD, TAR}


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that does not hold: where, and the section of the specification that states it."""

    rule: str
    section: str


def check(image: Image) -> tuple[Broken, ...]:
    """Return every rule that an image breaks; none means it is valid (image-spec 1.1)."""
    found: dict[Broken, None] = {}
    for rules, document in ((_manifest, "manifest.md"), (_config, "config.md"), (_layers, "layer.md")):
        try:
            for broken in rules(image):
                found[broken] = None
        except FormatError as error:
            # What cannot be read says so wherever it is needed.
            if error.message not in {broken.rule for broken in found}:
                found[Broken(error.message, document)] = None
    return tuple(found)


def _manifest(image: Image) -> Iterator[Broken]:
    manifest = image.manifest
    document = json.loads(image.manifest_bytes)
    section = "manifest.md#image-manifest-property-descriptions"
    if document.get("schemaVersion") != 2:
        yield Broken("the manifest's schemaVersion is not 2", section)
    if document.get("mediaType") != manifests.MEDIA_TYPE:
        yield Broken("the manifest's mediaType is not that of an image manifest", section)
    if manifest.config.media_type != configuration.MEDIA_TYPE:
        yield Broken("the configuration's mediaType is not that of an image configuration", section)
    if manifest.config.digest != digests.of(image.config_bytes):
        yield Broken("the configuration's digest does not match its bytes", "descriptor.md#digests")
    if manifest.config.size != len(image.config_bytes):
        yield Broken("the configuration's size does not match its bytes", "descriptor.md#properties")
    for number, layer in enumerate(manifest.layers):
        if layer.media_type not in _LAYERS:
            yield Broken(f"layer {number} has media type {layer.media_type}", section)
    if not manifest.layers:
        yield Broken("the manifest has no layer", section)


def _config(image: Image) -> Iterator[Broken]:
    config = image.config
    section = "config.md#properties"
    if config.created and not _RFC3339.fullmatch(config.created):
        yield Broken(f"created is {config.created!r}, which is no RFC 3339 time", section)
    if not (config.platform.architecture and config.platform.os):
        yield Broken("architecture or os is missing", section)
    if len(config.diff_ids) != len(image.layers):
        yield Broken(f"{len(config.diff_ids)} diff_ids for {len(image.layers)} layers", section)
    real = [entry for entry in config.history if not entry.empty]
    if config.history and len(real) != len(image.layers):
        yield Broken(f"{len(real)} entries of history for {len(image.layers)} layers", section)
    for port in config.ports:
        if not re.fullmatch(r"\d{1,5}(/(tcp|udp))?", port):
            yield Broken(f"exposed port {port!r} is not PORT/tcp or PORT/udp", section)
    if any("=" in name or not name for name, _ in config.env):
        yield Broken("a variable of the environment has no name", section)


def _layers(image: Image) -> Iterator[Broken]:
    for number, (layer, diff_id) in enumerate(zip(image.layers, image.config.diff_ids, strict=False)):
        with image.open(layer.digest) as file:
            size, packed = _hashed(iter(lambda file=file: file.read(1 << 20), b""))  # type: ignore[misc] # the default binds the loop's value
        if size != layer.size:
            yield Broken(f"layer {number} has {size} bytes, not {layer.size}", "descriptor.md#properties")
        if packed != layer.digest:
            yield Broken(f"layer {number} does not have its digest", "descriptor.md#digests")
        try:
            with image.open(layer.digest) as file:
                _, plain = _hashed(compression.decompress(file))
        except FormatError as error:
            yield Broken(f"layer {number}: {error.message}", "layer.md")
            continue
        if plain != diff_id:
            yield Broken(f"layer {number} does not have its diff_id", "config.md#layer-diffid")


def _hashed(chunks: Iterable[bytes]) -> tuple[int, str]:
    """Return how many bytes there are, and their digest."""
    size, found = 0, hashlib.sha256()
    for chunk in chunks:
        size += len(chunk)
        found.update(chunk)
    return size, "sha256:" + found.hexdigest()
