"""nosh stop: end what `run -d` started."""

import sys

from nosh.cli import context
from nosh.engines import run as running


def main(argv: list[str]) -> int:
    """Run the verb."""
    parser = context.parser(
        "stop", "Stop a container that `nosh run -d` started, and remove it.", example="nosh stop hello"
    )
    parser.add_argument("name", metavar="NAME", nargs="+", help="name of the container")
    parser.add_argument("--engine", choices=running.NAMES, default="", help="look in this one only")
    options = parser.parse_args(argv)
    ctx = context.context(options)
    candidates = [
        engine for engine in running.engines(ctx.environment, ctx.state) if options.engine in {"", engine.name}
    ]
    for name in options.name:
        engine = running.stop(candidates, name)
        if not options.quiet:
            sys.stderr.write(f"{name} stopped ({engine})\n")
    return 0
