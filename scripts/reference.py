#!/usr/bin/env python3
"""Write docs/reference/commands.md: the help of nosh and of every verb, as the program prints it."""

import contextlib
import io
from pathlib import Path

from nosh.cli import main

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "commands.md"
_HEAD = """# Commands

This page is what `nosh --help` and `nosh VERB --help` print; `make reference` writes it. `nosh VERB -h` is shorter: it
leaves out what other verbs have as well. Files that a command reads: [recipes](recipe.md), [nosh.toml](nosh-toml.md),
[config.toml](config-toml.md).

Results go to standard output; progress, warnings and hints to standard error. The exit code is 0 when it is done, 2 for
wrong input, 3 when something could not be verified, 4 when the network, an engine or the disk failed, 70 for a bug of
nosh; `nosh run` ends with the program's own code, and an interrupt with 130.
"""


def page() -> str:
    """Return the page."""
    sections = [("nosh", ["--help"]), *((f"nosh {verb}", [verb, "--help"]) for verb in main.VERBS)]
    return _HEAD + "".join(f"\n## {title}\n\n```text\n{_printed(words)}```\n" for title, words in sections)


def _printed(words: list[str]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        main.main(words)
    return out.getvalue()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
