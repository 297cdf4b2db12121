"""An image: its exact manifest and configuration, and a way to its layers' bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

from nosh.oci import config as configuration
from nosh.oci import manifest as manifests
from nosh.oci.config import Config
from nosh.oci.manifest import Descriptor, Manifest
from nosh.values import digest
from nosh.values.digest import Digest

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
TAR = "application/vnd.oci.image.layer.v1.tar"

Open = Callable[[Digest], BinaryIO]


@dataclass(frozen=True)
class Image:
    """One image for one platform.

    Attributes:
        manifest_bytes: the manifest as it is stored: its digest is the image's.
        config_bytes: the configuration as it is stored.
        open: gives a layer's compressed bytes by digest.
    """

    manifest_bytes: bytes
    config_bytes: bytes
    open: Open

    @cached_property
    def digest(self) -> Digest:
        """The digest of the manifest."""
        return digest.of(self.manifest_bytes)

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest as a value."""
        return manifests.read(self.manifest_bytes)

    @cached_property
    def config(self) -> Config:
        """The configuration as a value."""
        return configuration.read(self.config_bytes)

    @property
    def layers(self) -> tuple[Descriptor, ...]:
        """The layers' descriptors, lowest first."""
        return self.manifest.layers

    @property
    def compressed_size(self) -> int:
        """Bytes that a registry keeps: layers and configuration."""
        return sum(layer.size for layer in self.layers) + len(self.config_bytes)
