"""The recipes that come with nosh."""

from functools import cache
from importlib.resources import files

from nosh.recipes import load
from nosh.recipes.recipe import Recipe
from nosh.values.errors import NotFoundError
from nosh.values.suggest import hint


@cache
def names() -> tuple[str, ...]:
    """Return the families, sorted."""
    pages = files("nosh.recipes.pages").iterdir()
    return tuple(sorted(page.name.removesuffix(".toml") for page in pages if page.name.endswith(".toml")))


@cache
def find(name: str) -> Recipe:
    """Return a family's recipe.

    Raises:
        NotFoundError: there is none of that name.
    """
    if name not in names():
        near = hint(name, names())
        raise NotFoundError(f"cannot find recipe {name!r}: it is not in the catalogue", hint=near)
    text = files("nosh.recipes.pages").joinpath(f"{name}.toml").read_text()
    return load.read(f"catalogue/{name}.toml", text)
