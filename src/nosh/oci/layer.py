"""A layer: one blob of an image, known by its compressed and its uncompressed bytes."""

from dataclasses import dataclass

from nosh.oci.manifest import Descriptor
from nosh.values.digest import Digest


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer in the store; `size` and `tar_size` in bytes, compressed and not."""

    digest: Digest
    size: int
    diff_id: Digest
    tar_size: int
    media_type: str

    @property
    def descriptor(self) -> Descriptor:
        """The layer as a manifest names it."""
        return Descriptor(self.media_type, self.digest, self.size)
