"""nosh images: what nosh has built, by name."""

import json
import sys
from dataclasses import asdict

from nosh.cli import context
from nosh.oci import images
from nosh.report import text


def main(argv: list[str]) -> int:
    """Run the verb."""
    parser = context.parser("images", "List the images that nosh has.", "nosh images --format json")
    options = parser.parse_args(argv)
    ctx = context.context(options)
    found = list(images.listing(ctx.images))
    if options.format == "json":
        document = {"schema": "nosh/images/1", "images": [asdict(image) for image in found]}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return 0
    head = ("NAME", "DIGEST", "SIZE", "CREATED", "PLATFORM")
    rows = [(one.name, one.digest[:19], text.size(one.size), one.created, one.platform) for one in found]
    sys.stdout.write(text.columns([head, *rows]))
    return 0
