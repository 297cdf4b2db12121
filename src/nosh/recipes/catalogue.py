"""The recipes that come with nosh."""

from functools import cache
from pathlib import Path

from nosh.recipes import load
from nosh.recipes.recipe import Recipe
from nosh.values.errors import NotFoundError
from nosh.values.suggest import hint

_PAGES = Path(__file__).parent / "pages"


@cache
def names() -> tuple[str, ...]:
    """Return the families, sorted."""
    return tuple(sorted(page.stem for page in _PAGES.glob("*.toml")))


@cache
def find(name: str) -> Recipe:
    """Return a family's recipe.

    Raises:
        NotFoundError: there is none of that name.
    """
    if name not in names():
        near = hint(name, names())
        raise NotFoundError(f"cannot find recipe {name!r}: it is not in the catalogue", hint=near)
    text = (_PAGES / f"{name}.toml").read_text(encoding="utf-8")
    return load.read(f"catalogue/{name}.toml", text)
