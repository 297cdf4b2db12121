"""nosh images: what nosh has built, by name."""

import json
import sys
from dataclasses import asdict

from nosh.cli import context
from nosh.oci import images
from nosh.oci.images import Damaged, Named
from nosh.report import text
from nosh.values.errors import ExitCode


def main(argv: list[str]) -> int:
    """Run the verb."""
    parser = context.parser("images", "List the images that nosh has.", example="nosh images --format json")
    options = parser.parse_args(argv)
    ctx = context.context(options)
    found = list(images.listing(ctx.images))
    if options.format == "json":
        document = {"schema": "nosh/images/1", "images": [asdict(image) for image in found]}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return _told(found)
    head = ("NAME", "DIGEST", "SIZE", "CREATED", "PLATFORM")
    rows = [
        (one.name, one.digest[:19], "damaged", "", "")
        if isinstance(one, Damaged)
        else (one.name, one.digest[:19], text.size(one.size), one.created, one.platform)
        for one in found
    ]
    sys.stdout.write(text.columns([head, *rows]))
    return _told(found)


def _told(found: list[Named | Damaged]) -> int:
    damaged = [one for one in found if isinstance(one, Damaged)]
    for one in damaged:
        sys.stderr.write(f"warning: {one.name}: {one.reason}\n")
    if damaged:
        sys.stderr.write("hint: build it again, or remove it with `nosh rm`\n")
    return int(ExitCode.UNVERIFIED) if damaged else 0
