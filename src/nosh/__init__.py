"""nosh: container images with no shell."""

# As typing's own, which costs 6 ms to import.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from nosh.build import Base
    from nosh.build import build as build_base
    from nosh.build.job import Workshop
    from nosh.oci.image import Image
    from nosh.oci.layout import read as read_layout
    from nosh.oci.layout import write as write_layout
    from nosh.oci.validate import check as validate
    from nosh.outside.store import Store
    from nosh.recipes.catalogue import find as find_recipe
    from nosh.recipes.load import select as select_recipe
    from nosh.sources.source import Source
    from nosh.values.errors import Error
    from nosh.values.package import Package
    from nosh.values.platform import Platform

__version__ = "0.1.0"

__all__ = [
    "Base",
    "Error",
    "Image",
    "Package",
    "Platform",
    "Source",
    "Store",
    "Workshop",
    "__version__",
    "build_base",
    "find_recipe",
    "read_layout",
    "select_recipe",
    "validate",
    "write_layout",
]

# Name -> the module it lives in, and what it is called there. Nothing is imported before it is used (PEP 562).
_PLACES = {
    "Base": ("nosh.build", "Base"),
    "Error": ("nosh.values.errors", "Error"),
    "Image": ("nosh.oci.image", "Image"),
    "Package": ("nosh.values.package", "Package"),
    "Platform": ("nosh.values.platform", "Platform"),
    "Source": ("nosh.sources.source", "Source"),
    "Store": ("nosh.outside.store", "Store"),
    "Workshop": ("nosh.build.job", "Workshop"),
    "build_base": ("nosh.build", "build"),
    "find_recipe": ("nosh.recipes.catalogue", "find"),
    "read_layout": ("nosh.oci.layout", "read"),
    "select_recipe": ("nosh.recipes.load", "select"),
    "validate": ("nosh.oci.validate", "check"),
    "write_layout": ("nosh.oci.layout", "write"),
}


def __getattr__(name: str) -> object:
    """Return a name of the public API, importing it now.

    Raises:
        AttributeError: it is not part of it.
    """
    if name not in _PLACES:
        raise AttributeError(f"module 'nosh' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - start-up time

    module, real = _PLACES[name]
    value: object = getattr(import_module(module), real)
    return value


def __dir__() -> list[str]:
    """Return the names of the public API."""
    return list(__all__)
