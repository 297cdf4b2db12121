"""nosh rm: forget an image of nosh's own."""

from nosh.cli import context
from nosh.oci import images


def main(argv: list[str]) -> int:
    """Run the verb."""
    parser = context.parser(
        "rm", "Remove images that nosh has, and what only they need.", example="nosh rm hello:latest"
    )
    parser.add_argument("image", metavar="IMAGE", nargs="+", help="name of an image")
    options = parser.parse_args(argv)
    ctx = context.context(options)
    for name in options.image:
        images.remove(ctx.images, name)
    return 0
