"""nosh run: start an image, wait until it is healthy, say where it answers."""

import json
import sys

from nosh.cli import context
from nosh.engines import engine as engines
from nosh.engines import run as running
from nosh.engines.engine import Order
from nosh.oci import images
from nosh.values.errors import UsageError


def main(argv: list[str]) -> int:
    """Run the verb."""
    parser = context.parser(
        "run",
        "Start an image in Docker, Podman or nosh's own sandbox (the first that works).",
        example="nosh run hello -d -p 3000:3000 --wait-http /health",
    )
    parser.add_argument("image", metavar="IMAGE", help="one of nosh's images")
    parser.add_argument("-d", "--detach", action="store_true", help="go on in the background")
    parser.add_argument("--name", metavar="N", default="", help="name of the container")
    parser.add_argument(
        "-p", "--publish", metavar="[HOST:]PORT", action="append", default=[], help="make a port reachable"
    )
    parser.add_argument("-e", "--env", metavar="KEY=VALUE", action="append", default=[], help="set a variable")
    parser.add_argument("--network", choices=("host",), default="", help="use the host's network")
    parser.add_argument("--engine", choices=running.NAMES, default="", help="use this one")
    parser.add_argument("--wait-http", metavar="PATH", default="", help="wait until PATH answers on the first port")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, default=30.0, help="for --wait-http (default: 30)")
    parser.usage = "nosh run IMAGE [options] [-- ARG …]"
    # What stands after -- is the program's, whatever it looks like.
    end = argv.index("--") if "--" in argv else len(argv)
    options = parser.parse_args(argv[:end])
    ctx = context.context(options)
    published = tuple(engines.port(text) for text in options.publish)
    order = Order(
        image=images.read(ctx.images, options.image),
        name=images.full_name(options.image),
        container=options.name,
        ports=published,
        env=dict(context.pair(text, "-e") for text in options.env),
        args=tuple(argv[end + 1 :]),
        network=options.network,
    )
    if options.wait_http and not options.wait_http.startswith("/"):
        raise UsageError(
            f"cannot wait for {options.wait_http!r}: a path begins with /", hint="as in --wait-http /health"
        )
    chosen = running.choose(running.engines(ctx.environment, ctx.state), options.engine)
    if not options.detach and not options.wait_http:
        running.check_ports(order)
        return chosen.run(order)
    started = running.start(chosen, order, path=options.wait_http, timeout=options.timeout)
    _print(started, ctx, as_json=options.format == "json")
    return 0 if options.detach else running.follow(chosen, started)


def _print(started: running.Running, ctx: context.Context, *, as_json: bool) -> None:
    if as_json:
        document = {
            "schema": "nosh/run/1",
            "engine": started.engine,
            "container": started.container,
            "addresses": list(started.addresses),
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return
    for address in started.addresses:
        sys.stdout.write(f"{address}\n")
    if not started.addresses:
        sys.stdout.write(f"{started.container}\n")
    if not ctx.options.quiet:
        sys.stderr.write(f"{started.container} runs in {started.engine}; stop it with: nosh stop {started.container}\n")
