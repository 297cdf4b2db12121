"""App folders, written as data."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from nosh.apps.project import Project, open_project

Make = Callable[[Mapping[str, str]], Project]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that writes an app: path -> contents, or ``-> target`` for a link."""

    def write(files: Mapping[str, str]) -> Project:
        folder = tmp_path / "My App"
        folder.mkdir()
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("-> "):
                path.symlink_to(text.removeprefix("-> "))
            else:
                path.write_text(text)
        return open_project(folder)

    return write
