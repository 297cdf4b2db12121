"""The image manifest and index: which blobs an image is (image-spec `manifest.md`, `image-index.md`)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nosh.oci import shape
from nosh.oci.shape import table, text
from nosh.values.digest import Digest, parse
from nosh.values.errors import FormatError
from nosh.values.platform import Platform

MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_MEDIA_TYPE = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A blob by media type, digest and size in bytes (image-spec `descriptor.md`)."""

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: Platform | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image for one platform; layers lowest first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Index:
    """Manifests by name or platform."""

    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)


def render(manifest: Manifest) -> bytes:
    """Return the manifest as canonical JSON: sorted keys, no white space."""
    return _canonical(
        {
            "schemaVersion": 2,
            "mediaType": MEDIA_TYPE,
            "config": describe(manifest.config),
            "layers": [describe(layer) for layer in manifest.layers],
            "annotations": dict(manifest.annotations),
        }
    )


def render_index(index: Index) -> bytes:
    """Return the index as canonical JSON: sorted keys, no white space."""
    return _canonical(
        {
            "schemaVersion": 2,
            "mediaType": INDEX_MEDIA_TYPE,
            "manifests": [describe(manifest) for manifest in index.manifests],
            "annotations": dict(index.annotations),
        }
    )


def _canonical(document: dict[str, object]) -> bytes:
    if not document["annotations"]:
        del document["annotations"]
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def describe(descriptor: Descriptor) -> dict[str, object]:
    """Return a descriptor as JSON values."""
    document: dict[str, object] = {
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
    }
    if descriptor.annotations:
        document["annotations"] = dict(descriptor.annotations)
    if descriptor.platform:
        platform = descriptor.platform
        fields = {"os": platform.os, "architecture": platform.architecture, "variant": platform.variant}
        document["platform"] = {key: value for key, value in fields.items() if value}
    return document


def read(data: bytes) -> Manifest:
    """Parse a manifest.

    Raises:
        FormatError: it is not JSON of the right shape.
    """
    try:
        document = json.loads(data)
        return Manifest(
            config=_descriptor(document["config"]),
            layers=_descriptors(document["layers"]),
            annotations=table(document.get("annotations")),
        )
    except shape.WRONG as error:
        raise FormatError(f"cannot read image manifest: {error!r}") from error


def read_index(data: bytes) -> Index:
    """Parse an index.

    Raises:
        FormatError: it is not JSON of the right shape.
    """
    try:
        document = json.loads(data)
        return Index(
            manifests=_descriptors(document["manifests"]),
            annotations=table(document.get("annotations")),
        )
    except shape.WRONG as error:
        raise FormatError(f"cannot read image index: {error!r}") from error


def _descriptors(documents: Sequence[Mapping[str, object]]) -> tuple[Descriptor, ...]:
    return tuple(_descriptor(document) for document in documents)


def _descriptor(document: Mapping[str, object]) -> Descriptor:
    size = document["size"]
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValueError(f"size {size!r} is not a count of bytes")
    platform = document.get("platform")
    return Descriptor(
        media_type=text(document["mediaType"]),
        digest=parse(text(document["digest"])),
        size=size,
        annotations=table(document.get("annotations")),
        platform=_platform(platform) if isinstance(platform, dict) else None,
    )


def _platform(document: Mapping[str, object]) -> Platform:
    return Platform(text(document["architecture"]), text(document.get("variant")), text(document.get("os")) or "linux")
