"""nosh catalogue: the base images that nosh can build."""

import json
import sys

from nosh.cli import context
from nosh.recipes import catalogue, load
from nosh.report import text


def main(argv: list[str]) -> int:
    """Run the verb."""
    parser = context.parser("catalogue", "List the base images that nosh can build.", example="nosh catalogue")
    parser.add_argument("--all", action="store_true", help="also the traditional userlands that nosh compares with")
    options = parser.parse_args(argv)
    rows = []
    for name in catalogue.names():
        recipe = catalogue.find(name)
        if recipe.hidden and not options.all:
            continue
        releases = load.chain_value(recipe, catalogue.find, lambda page: page.releases)
        architectures = load.chain_value(recipe, catalogue.find, lambda page: page.architectures)
        rows.append((name, releases, architectures, recipe.summary))
    if options.format == "json":
        document = {
            "schema": "nosh/catalogue/1",
            "recipes": [
                {"name": name, "releases": list(releases), "architectures": list(architectures), "summary": summary}
                for name, releases, architectures, summary in rows
            ],
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return 0
    head = ("NAME", "ON", "FOR", "BEST FOR")
    lines = [(name, ", ".join(on), ", ".join(where), summary) for name, on, where, summary in rows]
    sys.stdout.write(text.columns([head, *lines]))
    return 0
