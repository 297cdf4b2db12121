"""nosh build: an app, a recipe or a catalogue name becomes an image."""

import argparse
import json
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from nosh.build.job import LAYERS
from nosh.cli import context, destination, thing
from nosh.oci import edit, images
from nosh.outside import clock
from nosh.recipes import catalogue, load
from nosh.values import platform as platforms
from nosh.values.errors import UsageError

if TYPE_CHECKING:
    from typing import TextIO

    from nosh.apps.plan import Plan
    from nosh.apps.project import Project
    from nosh.build import Base
    from nosh.build.job import Connect, Workshop
    from nosh.cli.context import Context
    from nosh.cli.destination import Destination
    from nosh.oci.image import Image
    from nosh.recipes.recipe import Selected
    from nosh.report.built import Result
    from nosh.values.platform import Platform


def main(argv: list[str]) -> int:
    """Run the verb."""
    options = _options(argv)
    ctx = context.context(options)
    if "," in (options.platform or ""):
        raise UsageError("cannot build for several platforms at once yet", hint="build for one after the other")
    target = thing.read(options.thing)
    variant = options.variant or target.variant
    platform = platforms.parse(options.platform or platforms.host())
    destinations = destination.parse_all(options.output, images=2 if options.with_debug and variant != "debug" else 1)
    with ctx.progress as progress:
        shop = ctx.workshop(progress)
        order = _Order(ctx, shop, ctx.connect(progress), platform, variant, destinations)
        results = _app(order, target.project) if target.project else _base(order, target)
    if results:
        # An archive on standard output has it for itself.
        _print(results, ctx, sys.stderr if any(one.place == "-" for one in destinations) else sys.stdout)
    return 0


def _options(argv: list[str]) -> argparse.Namespace:
    parser = context.parser(
        "build",
        "Make an image from an app's folder, a recipe (*.toml) or a name of the catalogue.",
        example="nosh build examples/node-express -t hello",
    )
    add = parser.add_argument
    add("thing", metavar="THING", help="folder, recipe file or catalogue name such as nodejs22:debug")
    add("-t", "--tag", metavar="NAME[:TAG]", help="name of the image (default: the thing's own name)")
    add(
        "-o", "--output", metavar="DEST", action="append", default=[],
        help="write it there as well: DIR or oci:DIR, F.tar or docker-archive:F, oci-archive:F",
    )  # fmt: skip
    engines = ("auto", "docker", "podman")
    add("--load", metavar="ENGINE", nargs="?", const="auto", choices=engines, help="hand it to Docker or Podman")
    add("--platform", metavar="OS/ARCH", help="default: this machine's")
    add("--variant", choices=load.VARIANTS, help="default: nonroot")
    add("--with-debug", action="store_true", help="build the debug variant beside it")
    compressions = ("gzip", "fast", "small", "zstd")
    add("--compression", choices=compressions, default="gzip", help="of layers (default: gzip)")
    add("--layers", choices=LAYERS, default=LAYERS[0], help="one for each level of the recipe, or for each package")
    add("--base", metavar="NAME", help="base image of an app, over what was detected")
    add("--label", metavar="KEY=VALUE", action="append", default=[], help="label and annotation of the image")
    add("--revision", metavar="REV", help="revision of the source, for the labels")
    add("--allow-secret", metavar="PATH", action="append", default=[], help="put this file in though it looks secret")
    add("--plan", action="store_true", help="print what would be done, and stop")
    context.sourcing(parser)
    return parser.parse_args(argv)


@dataclass(frozen=True)
class _Order:
    ctx: "Context"
    shop: "Workshop"
    connect: "Connect"
    platform: "Platform"
    variant: str
    destinations: "tuple[Destination, ...]"

    @property
    def options(self) -> argparse.Namespace:
        return self.ctx.options


def _base(order: _Order, target: thing.Thing) -> "list[Result]":
    options = order.options
    for word, given in (("--base", options.base), ("--allow-secret", options.allow_secret)):
        if given:
            raise UsageError(f"cannot use {word} with {target.name}: it is a base image", hint="it is for apps")
    selected = _select(target, order.variant)
    if options.plan:
        from nosh.report import built  # noqa: PLC0415 - start-up time

        text = partial(built.base_plan_text, selected, order.platform)
        _show(text, partial(built.base_plan, selected, order.platform), order.ctx)
        return []
    wanted = [(selected, options.tag or f"{target.name}:{order.variant}")]
    if options.with_debug and order.variant != "debug":
        wanted.append(
            (
                _select(target, "debug"),
                f"{images.full_name(options.tag)}-debug" if options.tag else f"{target.name}:debug",
            )
        )
    return [_finished(order, one, images.full_name(name)) for one, name in wanted]


def _select(target: thing.Thing, variant: str) -> "Selected":
    if target.recipe is None:
        raise AssertionError("a thing is a project or a recipe")
    return load.select(target.recipe, catalogue.find, release=target.release, variant=variant)


def _finished(order: _Order, selected: "Selected", name: str) -> "Result":
    from nosh.report import built  # noqa: PLC0415 - start-up time

    started = clock.elapsed()
    base = _build(order, selected)
    labels = _labels(order.options)
    image = edit.annotate(base.image, labels) if labels else base.image
    _keep(order, name, image)
    return built.Result(name, image, base, None, clock.elapsed() - started)


def _build(order: _Order, selected: "Selected") -> "Base":
    from nosh import build  # noqa: PLC0415 - start-up time

    return build.build(selected, order.platform, connect=order.connect, shop=order.shop)


def _app(order: _Order, project: "Project") -> "list[Result]":
    from nosh.apps import builder  # noqa: PLC0415 - start-up time
    from nosh.report import built  # noqa: PLC0415 - start-up time

    project = _with_options(project, order.options)
    plan = builder.detect(project).plan(project)
    if order.options.plan:
        text = partial(built.app_plan_text, plan, order.platform, order.variant)
        _show(text, partial(built.app_plan, plan, order.platform, order.variant), order.ctx)
        return []
    for warning in plan.warnings:
        order.ctx.progress.warn(warning)
    name = images.full_name(order.options.tag or plan.name)
    results = [_variant(order, project, plan=plan, variant=order.variant, name=name)]
    if order.options.with_debug and order.variant != "debug":
        results.append(_variant(order, project, plan=plan, variant="debug", name=f"{name}-debug"))
    return results


def _labels(options: argparse.Namespace) -> dict[str, str]:
    labels = dict(context.pair(text, "--label") for text in options.label)
    if options.revision:
        labels["org.opencontainers.image.revision"] = options.revision
    return labels


def _with_options(project: "Project", options: argparse.Namespace) -> "Project":
    from dataclasses import replace  # noqa: PLC0415 - start-up time

    wishes = project.wishes
    wishes = replace(
        wishes,
        base=options.base or wishes.base,
        labels={**wishes.labels, **_labels(options)},
        allow=(*wishes.allow, *(path.removeprefix("./") for path in options.allow_secret)),
    )
    return replace(project, wishes=wishes)


def _variant(order: _Order, project: "Project", *, plan: "Plan", variant: str, name: str) -> "Result":
    from nosh.apps.execute import execute  # noqa: PLC0415 - start-up time
    from nosh.report import built  # noqa: PLC0415 - start-up time
    from nosh.sources import distributions  # noqa: PLC0415 - start-up time

    started = clock.elapsed()
    target = thing.read(plan.base)
    if target.recipe is None:
        raise UsageError(f"cannot use base {plan.base!r}: it is an app", hint="name a recipe or a catalogue name")
    selected = _select(target, variant)
    base = _build(order, selected)
    source = order.connect(distributions.release(selected.release), order.platform)
    app = execute(plan, project, base, source, order.shop)
    _keep(order, name, app.image)
    return built.Result(name, app.image, base, app, clock.elapsed() - started)


def _keep(order: _Order, name: str, image: "Image") -> None:
    images.write(image, order.ctx.images, name, order.ctx.store)
    for place in order.destinations:
        destination.write(image, name, place)
    if order.options.load:
        from nosh.engines import commandline  # noqa: PLC0415 - start-up time

        commandline.load(image, name, wanted=order.options.load, environment=order.ctx.environment)


def _show(text: "partial[str]", document: "partial[dict[str, object]]", ctx: "Context") -> None:
    sys.stdout.write(json.dumps(document(), indent=2) + "\n" if ctx.options.format == "json" else text())


def _print(results: "list[Result]", ctx: "Context", out: "TextIO") -> None:
    from nosh.report import built  # noqa: PLC0415 - start-up time

    if ctx.options.format == "json":
        from nosh.build.content import provenance  # noqa: PLC0415 - start-up time

        document, *others = [built.document(one, provenance(one.base.jobs, ctx.store)) for one in results]
        if others:
            document["debug"] = others[0]
        out.write(json.dumps(document, indent=2) + "\n")
        return
    # The digest that scripts take is the last line, and that of the image that was asked for.
    for result in reversed(results):
        if not ctx.options.quiet:
            sys.stderr.write(built.summary(result))
    out.write(f"{results[0].image.digest}\n")
