"""The reference cannot drift: commands are generated, and the keys of files are those that the readers know."""

import ast
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from scripts import reference

from nosh.apps import project
from nosh.cli import context
from nosh.recipes import load

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "reference"

# Heading of a table in the page -> functions of the reader that read its keys.
RECIPE = {
    "Top level": ("read", "_packages", "_level", "_settings", "_check_certificates"),
    "`account`": ("_user", "_account"),
    "`group`": ("_group", "_account"),
    "`directory`": ("_directory",),
    "`link`": ("_link",),
    "`file`": ("_file",),
    "`part`": ("_part",),
    "`upstream`": ("_upstream", "_date"),
}
METHODS = frozenset({"text", "number", "flag", "mode", "texts", "numbers", "table", "tables", "expect", "has"})
HELPERS = frozenset({"_each", "_patterns", "_path", "_optional"})


def test_the_commands_are_those_that_the_program_prints() -> None:
    assert reference.PAGE.read_text() == reference.page(), "renew it: make reference"


def asked_for(module: str | None, functions: Iterable[str]) -> set[str]:
    """Return the keys that functions of a module ask a table for."""
    assert module
    tree = ast.parse(Path(module).read_text())
    bodies = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    return {key for name in functions for call in ast.walk(bodies[name]) if (key := asked_by(call))}


def asked_by(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    texts = [str(one.value) for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    method = isinstance(node.func, ast.Attribute) and node.func.attr in METHODS
    helper = isinstance(node.func, ast.Name) and node.func.id in HELPERS
    return texts[0] if texts and (method or helper) else ""


def documented(page: str, heading: str = "") -> set[str]:
    """Return the keys in the first column of the tables below a heading."""
    text = (PAGES / page).read_text()
    if heading:
        text = re.split(r"^## ", text.partition(f"\n## {heading}\n")[2], flags=re.MULTILINE)[0]
    return set(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE))


@pytest.mark.parametrize("heading", RECIPE)
def test_the_keys_of_a_recipe_are_those_that_the_reader_knows(heading: str) -> None:
    assert documented("recipe.md", heading) == asked_for(load.__file__, RECIPE[heading])


def test_the_variants_of_a_recipe_are_those_that_the_reader_knows() -> None:
    assert documented("recipe.md", "`variants`") == set(load.VARIANTS)


def test_every_table_of_the_recipe_page_is_checked() -> None:
    headings = re.findall(r"^## (.*)$", (PAGES / "recipe.md").read_text(), re.MULTILINE)
    assert headings == [*RECIPE, "`variants`"]


def test_the_keys_of_nosh_toml_are_those_that_the_reader_knows() -> None:
    known = asked_for(project.__file__, ("read_wishes", "_ports", "_workdir"))
    assert documented("nosh-toml.md", "`[app]`") | {"app"} == known


def test_the_keys_of_config_toml_are_those_that_the_reader_knows() -> None:
    assert documented("config-toml.md") == asked_for(context.__file__, ("read_settings",))


def examples(page: str) -> list[str]:
    return re.findall(r"```toml\n(.*?)```", (PAGES / page).read_text(), re.DOTALL)


def named(text: str) -> str:
    return text if text.startswith("name") else f'name = "example"\n{text}'


@pytest.mark.parametrize(
    ("page", "read"),
    [
        pytest.param("recipe.md", lambda text: load.read("example", named(text)), id="recipe"),
        pytest.param("nosh-toml.md", lambda text: project.read_wishes("example", text), id="nosh.toml"),
        pytest.param("config-toml.md", lambda text: context.read_settings("example", text), id="config.toml"),
    ],
)
def test_every_example_is_read_without_mistakes_and_every_key_has_one(page: str, read: Callable[[str], object]) -> None:
    found = examples(page)
    assert found
    for text in found:
        read(text)
    everything = "\n".join(found)
    keys = documented(page)
    assert {key for key in keys if not re.search(rf"(?:^|\[|\.){key}(?: =|\]|\.)", everything, re.MULTILINE)} == set()


@pytest.mark.parametrize("page", ["recipe.md", "nosh-toml.md", "config-toml.md"])
def test_every_key_has_a_type_a_default_and_a_meaning(page: str) -> None:
    rows = [line for line in (PAGES / page).read_text().splitlines() if line.startswith("| `")]
    assert rows
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 4, row
        assert all(cells), row
