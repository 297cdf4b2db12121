"""nosh store: what nosh keeps on disk, whether it is sound, and how to have less of it."""

import json
import sys

from nosh.cli import context
from nosh.outside import upkeep
from nosh.report import text
from nosh.values.errors import ExitCode


def main(argv: list[str]) -> int:
    """Run the verb."""
    parser = context.parser(
        "store", "Show, check or clean what nosh keeps on disk; safe beside a running build.", example="nosh store info"
    )
    parser.add_argument("action", choices=("info", "verify", "prune"), help="what to do")
    parser.add_argument("--repair", action="store_true", help="verify: remove what is damaged; it is made again")
    options = parser.parse_args(argv)
    ctx = context.context(options)
    folders = (ctx.store.root, ctx.images)
    if options.action == "verify":
        return _verify(upkeep.verify(folders, repair=options.repair), repair=options.repair)
    if options.action == "prune":
        freed = upkeep.prune(ctx.store.root, ctx.images)
        sys.stdout.write(f"{text.size(freed)} freed\n")
        return 0
    usage = upkeep.usage(ctx.store.root, ctx.images)
    if options.format == "json":
        document = {"schema": "nosh/store/1", "cache": str(folders[0]), "images": str(folders[1]), "usage": dict(usage)}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return 0
    sys.stdout.write(f"cache   {folders[0]}\nimages  {folders[1]}\n")
    rows = [(name, text.size(size)) for name, size in usage.items()]
    sys.stdout.write(text.columns(rows, right=frozenset({1})))
    return 0


def _verify(damaged: tuple[str, ...], *, repair: bool) -> int:
    for path in damaged:
        sys.stdout.write(f"{path}: {'removed' if repair else 'damaged'}\n")
    if not damaged:
        sys.stdout.write("all blobs have the contents that their names say\n")
    return int(ExitCode.UNVERIFIED) if damaged and not repair else 0
