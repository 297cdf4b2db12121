"""What the documents say is so: links lead somewhere, commands exist, shown output is what is printed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from nosh.cli.main import VERBS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
README = (ROOT / "README.md").read_text()


def test_the_first_screen_of_the_readme_has_what_a_newcomer_needs() -> None:
    screen = "\n".join(README.splitlines()[:25])
    for text in ("Container images with no shell", "$ make demo", "$ make test", "A **recipe** asks for packages"):
        assert text in screen


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_is_shown_exists(page: Path) -> None:
    text = page.read_text()
    verbs = set(re.findall(r"^\$ nosh ([a-z]+)", text, re.MULTILINE)) | set(re.findall(r"`nosh ([a-z]+)", text))
    assert verbs - set(VERBS) == set()
    targets = set(re.findall(r"^\$ make ([a-z-]+)", text, re.MULTILINE)) | set(re.findall(r"`make ([a-z-]+)", text))
    makefile = (ROOT / "Makefile").read_text()
    assert {target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


def test_the_plan_in_the_readme_is_the_one_that_is_printed() -> None:
    argv = [sys.executable, "-m", "nosh", "build", "examples/node-express", "--plan", "--platform", "linux/amd64"]
    printed = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed in README


def test_every_dependency_has_a_decision() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    names = re.findall(r'^  "([A-Za-z0-9._-]+)(?:==|>=)', project, re.MULTILINE)
    assert len(names) > 10
    decisions = "".join(page.read_text() for page in (ROOT / "docs" / "decisions").glob("*.md"))
    assert [name for name in names if f"`{name}`" not in decisions and name not in decisions] == []
