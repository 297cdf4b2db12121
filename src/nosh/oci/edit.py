"""Making one image out of another: every function returns a new image and leaves the old one as it is."""

from collections.abc import Mapping
from dataclasses import replace

from nosh.oci import config as configuration
from nosh.oci import manifest as manifests
from nosh.oci.config import Config, History
from nosh.oci.image import Image, Open
from nosh.oci.layer import Layer
from nosh.oci.manifest import Descriptor, Manifest
from nosh.values import digest


def compose(config: Config, layers: tuple[Descriptor, ...], annotations: Mapping[str, str], open_: Open) -> Image:
    """Return the image of a configuration and its layers, lowest first; `config.diff_ids` belong to them."""
    config_bytes = configuration.render(config)
    about = Descriptor(configuration.MEDIA_TYPE, digest.of(config_bytes), len(config_bytes))
    return Image(manifests.render(Manifest(about, layers, annotations)), config_bytes, open_)


def append(image: Image, layer: Layer, history: History) -> Image:
    """Return the image with one more layer on top."""
    config = replace(
        image.config,
        diff_ids=(*image.config.diff_ids, layer.diff_id),
        history=(*image.config.history, history),
    )
    return compose(config, (*image.layers, layer.descriptor), image.manifest.annotations, image.open)


def configure(image: Image, config: Config) -> Image:
    """Return the image with another configuration of the same layers."""
    return compose(config, image.layers, image.manifest.annotations, image.open)


def annotate(image: Image, annotations: Mapping[str, str]) -> Image:
    """Return the image with more annotations, which are labels of its configuration as well."""
    config = replace(image.config, labels={**image.config.labels, **annotations})
    return compose(config, image.layers, {**image.manifest.annotations, **annotations}, image.open)
