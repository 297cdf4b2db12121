"""What a name on the command line means; one that could mean two things is refused, never guessed."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nosh.recipes import catalogue, load
from nosh.recipes.recipe import Recipe
from nosh.values.errors import InputError, NotFoundError, UsageError
from nosh.values.suggest import hint

if TYPE_CHECKING:
    from nosh.apps.project import Project

# Tag words of the reference images -> our variant, and what to tell those who come from there.
_TAG_WORDS = {
    "latest": ("root", "`latest` of the reference images runs as root; here that variant is called root"),
    "debug-nonroot": ("debug", "`debug-nonroot` of the reference images is called debug here"),
}


@dataclass(frozen=True)
class Thing:
    """Something to build: a project, or a recipe with release and variant."""

    name: str
    variant: str = "nonroot"
    project: "Project | None" = None
    recipe: Recipe | None = None
    release: str = ""


def read(text: str) -> Thing:
    """Read a folder, a recipe file or a catalogue name.

    Raises:
        UsageError: it could be two of them.
        NotFoundError: it is none of them.
    """
    bare, _, word = text.removeprefix("catalogue:").partition(":")
    family, release = load.split(bare)
    path = Path(text)
    if family in catalogue.names() and "/" not in text:
        if path.is_dir() and not text.startswith("catalogue:"):
            raise UsageError(
                f"cannot tell what {text!r} means: it is a folder here and a name of the catalogue",
                hint=f"./{text} or catalogue:{text}",
            )
        variant, note = _TAG_WORDS.get(word, (word, ""))
        if note:
            sys.stderr.write(f"note: {note}\n")
        return Thing(bare, variant or "nonroot", recipe=catalogue.find(family), release=release)
    if path.is_dir():
        from nosh.apps import project  # noqa: PLC0415 - start-up time

        return Thing(path.resolve().name, project=project.open_project(path))
    if path.suffix == ".toml":
        recipe = _recipe(path)
        return Thing(recipe.name, recipe=recipe)
    if path.is_file():
        raise InputError(
            f"cannot build {text!r}: it is a file, and no recipe",
            hint="give the folder of the app, or a recipe (*.toml)",
        )
    if "/" in text:
        raise NotFoundError(f"cannot build {text!r}: there is no such folder or recipe file")
    shown = [name for name in catalogue.names() if not catalogue.find(name).hidden]
    raise NotFoundError(
        f"cannot build {text!r}: there is no such folder, recipe file or name in the catalogue",
        hint=hint(family, shown) or "see `nosh catalogue`, or give the folder of an app",
    )


def _recipe(path: Path) -> Recipe:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise InputError(f"cannot read recipe {path}: {reason}") from error
    return load.read(str(path), text)
