"""nosh build: an app, a recipe or a catalogue name becomes an image."""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nosh.cli import context, output
from nosh.oci import images
from nosh.outside import clock
from nosh.values import platform as platforms
from nosh.values.errors import InputError, NotFoundError, UsageError

if TYPE_CHECKING:
    from nosh.apps.execute import App
    from nosh.apps.plan import Plan
    from nosh.apps.project import Project
    from nosh.build import Base
    from nosh.build.content import Connect
    from nosh.build.level import Workshop
    from nosh.cli.context import Context
    from nosh.oci.image import Image
    from nosh.recipes.recipe import Recipe, Selected
    from nosh.values.platform import Platform

_NOTES = {
    "latest": ("root", "`latest` of the reference images runs as root; here that variant is called root"),
    "debug-nonroot": ("debug", "`debug-nonroot` of the reference images is called debug here"),
}


def main(argv: list[str]) -> int:
    """Run the verb."""
    options = _options(argv)
    ctx = context.context(options)
    if "," in (options.platform or ""):
        raise UsageError("cannot build for several platforms at once yet", hint="build for one after the other")
    platform = platforms.parse(options.platform or platforms.host())
    target = _read_thing(options.thing)
    with ctx.progress as progress:
        shop = ctx.workshop(options.compression, progress)
        order = _Order(ctx, shop, ctx.connect(progress), platform, options.variant or target.variant)
        _check_output(options.output)
        if target.project is None:
            results = [_build_base(order, target)]
        else:
            results = _build_app(order, target.project)
    for result in results:
        _print(result, ctx)
    return 0


def _options(argv: list[str]) -> argparse.Namespace:
    parser = context.parser(
        "build",
        "Make an image from an app's folder, a recipe (*.toml) or a name of the catalogue.",
        "nosh build examples/node-express -t hello",
    )
    parser.add_argument("thing", metavar="THING", help="folder, recipe file or catalogue name such as nodejs22:debug")
    parser.add_argument("-t", "--tag", metavar="NAME[:TAG]", help="name of the image (default: the thing's own name)")
    parser.add_argument(
        "-o", "--output", metavar="DEST", action="append", default=[],
        help="write it there as well: DIR or oci:DIR, F.tar or docker-archive:F, oci-archive:F",
    )  # fmt: skip
    parser.add_argument(
        "--load", metavar="ENGINE", nargs="?", const="auto", choices=("auto", "docker", "podman"),
        help="hand it to Docker or Podman",
    )  # fmt: skip
    parser.add_argument("--platform", metavar="OS/ARCH", help="default: this machine's")
    parser.add_argument("--variant", choices=("nonroot", "root", "debug", "debug-root"), help="default: nonroot")
    parser.add_argument("--with-debug", action="store_true", help="build the debug variant of the app beside it")
    parser.add_argument(
        "--compression", choices=("gzip", "fast", "small", "zstd"), default="gzip", help="of layers (default: gzip)"
    )
    parser.add_argument("--base", metavar="NAME", help="base image of an app, over what was detected")
    parser.add_argument("--label", metavar="KEY=VALUE", action="append", default=[], help="label and annotation")
    parser.add_argument("--revision", metavar="REV", help="source revision, for the image's labels")
    parser.add_argument(
        "--allow-secret", metavar="PATH", action="append", default=[], help="put this file in though it looks secret"
    )
    parser.add_argument("--plan", action="store_true", help="print what would be done, and stop")
    context.sourcing(parser)
    return parser.parse_args(argv)


@dataclass(frozen=True)
class _Thing:
    """What the user wants built: a project, or a recipe with release and variant."""

    name: str
    variant: str
    project: "Project | None" = None
    recipe: "Recipe | None" = None
    release: str = ""


@dataclass(frozen=True)
class _Order:
    ctx: "Context"
    shop: "Workshop"
    connect: "Connect"
    platform: "Platform"
    variant: str


def _read_thing(text: str) -> _Thing:
    from nosh.recipes import catalogue, load  # noqa: PLC0415 - start-up time

    bare, _, word = text.removeprefix("catalogue:").partition(":")
    family, release = load.split(bare)
    variant, note = _NOTES.get(word, (word, ""))
    named = family in catalogue.names() and "/" not in text
    path = Path(text)
    if named and not text.startswith("catalogue:") and path.is_dir():
        raise UsageError(
            f"cannot tell what {text!r} means: it is a folder here and a name of the catalogue",
            hint=f"./{text} or catalogue:{text}",
        )
    if named:
        if note:
            sys.stderr.write(f"note: {note}\n")
        return _Thing(bare, variant or "nonroot", recipe=catalogue.find(family), release=release)
    if path.is_dir():
        from nosh.apps import project  # noqa: PLC0415 - start-up time

        return _Thing(path.resolve().name, "nonroot", project=project.open_project(path))
    if path.suffix == ".toml":
        recipe = _read_recipe(path)
        return _Thing(recipe.name, "nonroot", recipe=recipe)
    return _unknown(text, family)


def _unknown(text: str, family: str) -> _Thing:
    from nosh.recipes import catalogue  # noqa: PLC0415 - start-up time
    from nosh.values.suggest import hint  # noqa: PLC0415 - start-up time

    near = hint(family, catalogue.names()) if "/" not in text else ""
    raise NotFoundError(
        f"cannot build {text!r}: there is no such folder, recipe file or name in the catalogue",
        hint=near or "see `nosh catalogue`, or give the folder of an app",
    )


def _read_recipe(path: Path) -> "Recipe":
    from nosh.recipes import load  # noqa: PLC0415 - start-up time

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read recipe {path}: {reason}") from error
    return load.read(str(path), text)


@dataclass(frozen=True)
class Result:
    """A finished image: where it came from, what it is called, how long it took (seconds)."""

    name: str
    image: "Image"
    base: "Base"
    app: "App | None"
    seconds: float


def _build_base(order: _Order, thing: _Thing) -> Result:
    from nosh import build  # noqa: PLC0415 - start-up time
    from nosh.recipes import catalogue, load  # noqa: PLC0415 - start-up time

    if thing.recipe is None:
        raise AssertionError("a thing is a project or a recipe")
    started = clock.elapsed()
    selected = load.select(thing.recipe, catalogue.find, release=thing.release, variant=order.variant)
    if order.ctx.options.plan:
        return _plan_base(order, selected)
    base = build.build(selected, order.platform, connect=order.connect, shop=order.shop)
    name = images.full_name(order.ctx.options.tag or f"{thing.name}:{order.variant}")
    return _keep(order, name, base.image, base, None, started)


def _plan_base(order: _Order, selected: "Selected") -> Result:
    document = {
        "schema": "nosh/plan/1",
        "recipe": selected.name,
        "release": selected.release,
        "variant": selected.variant,
        "platform": str(order.platform),
        "levels": [{"name": level.name, "packages": list(level.packages)} for level in selected.levels],
    }
    if order.ctx.options.format == "json":
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        rows = [(level.name, " ".join(level.packages) or "(files of the recipe)") for level in selected.levels]
        sys.stdout.write(f"{selected.name} on {selected.release} for {order.platform}, variant {selected.variant}\n")
        sys.stdout.write(output.columns(rows))
    raise SystemExit(0)


def _build_app(order: _Order, project: "Project") -> list[Result]:
    from nosh.apps import builder  # noqa: PLC0415 - start-up time

    project = _with_options(project, order.ctx.options)
    plan = builder.detect(project).plan(project)
    if order.ctx.options.plan:
        _print_plan(plan, order)
        raise SystemExit(0)
    for warning in plan.warnings:
        order.ctx.progress.warn(warning)
    variants = [order.variant, *(["debug"] if order.ctx.options.with_debug and order.variant != "debug" else [])]
    return [_build_variant(order, project, plan, variant, first=variant == order.variant) for variant in variants]


def _with_options(project: "Project", options: argparse.Namespace) -> "Project":
    from dataclasses import replace  # noqa: PLC0415 - start-up time

    labels = dict(_label(text) for text in options.label)
    if options.revision:
        labels["org.opencontainers.image.revision"] = options.revision
    wishes = project.wishes
    wishes = replace(
        wishes,
        base=options.base or wishes.base,
        labels={**wishes.labels, **labels},
        allow=(*wishes.allow, *(path.removeprefix("./") for path in options.allow_secret)),
    )
    return replace(project, wishes=wishes)


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"cannot use --label {text!r}: it has to be KEY=VALUE")
    return key, value


def _build_variant(order: _Order, project: "Project", plan: "Plan", variant: str, *, first: bool) -> Result:
    from nosh import build  # noqa: PLC0415 - start-up time
    from nosh.apps.execute import execute  # noqa: PLC0415 - start-up time
    from nosh.recipes import catalogue, load  # noqa: PLC0415 - start-up time
    from nosh.sources import distributions  # noqa: PLC0415 - start-up time

    started = clock.elapsed()
    family, release = load.split(plan.base)
    selected = load.select(catalogue.find(family), catalogue.find, release=release, variant=variant)
    base = build.build(selected, order.platform, connect=order.connect, shop=order.shop)
    source = order.connect(distributions.release(selected.release), order.platform)
    app = execute(plan, project, base, source, order.shop)
    name = images.full_name(order.ctx.options.tag or plan.name)
    if not first:
        name = f"{name}-{variant}"
    return _keep(order, name, app.image, base, app, started)


def _keep(order: _Order, name: str, image: "Image", base: "Base", app: "App | None", started: float) -> Result:
    images.write(image, order.ctx.images, name, order.ctx.store)
    for destination in order.ctx.options.output:
        _write(image, destination, name)
    if order.ctx.options.load:
        from nosh.engines import commandline  # noqa: PLC0415 - start-up time

        commandline.load(image, name, order.ctx.options.load, order.ctx.environment)
    return Result(name, image, base, app, clock.elapsed() - started)


_KINDS = ("oci", "oci-archive", "docker-archive")


def _destination(text: str) -> tuple[str, str]:
    kind, colon, rest = text.partition(":")
    if colon and kind in _KINDS:
        return kind, rest
    return ("docker-archive" if text.endswith(".tar") else "oci"), text


def _check_output(destinations: list[str]) -> None:
    for text in destinations:
        _, place = _destination(text)
        if not place:
            raise UsageError(f"cannot write to {text!r}: the place is missing", hint="as in oci:DIR or F.tar")
        parent = Path(place).absolute().parent
        if place != "-" and not parent.is_dir():
            raise UsageError(f"cannot write to {text!r}: there is no folder {parent}")


def _write(image: "Image", text: str, name: str) -> None:
    from nosh.oci import docker_archive, layout  # noqa: PLC0415 - start-up time
    from nosh.outside import store  # noqa: PLC0415 - start-up time

    kind, place = _destination(text)
    if kind == "oci":
        folder, _, tag = place.partition(":")
        layout.write(image, Path(folder), tag or name.rpartition(":")[2])
    elif place == "-":
        docker_archive.write(image, sys.stdout.buffer.write, name, docker=kind == "docker-archive")
    else:
        with store.new_file(Path(place)) as write:
            docker_archive.write(image, write, name, docker=kind == "docker-archive")


def _print_plan(plan: "Plan", order: _Order) -> None:
    install = plan.install
    document: dict[str, object] = {
        "schema": "nosh/plan/1",
        "kind": plan.kind,
        "name": plan.name,
        "version": plan.version,
        "base": plan.base,
        "variant": order.variant,
        "platform": str(order.platform),
        "root": plan.root,
        "cmd": list(plan.cmd),
        "env": dict(plan.env),
        "ports": list(plan.ports),
        "labels": dict(plan.labels),
        "files": [file.path for file in plan.files],
        "install": {"lock": install.lock, "packages": install.packages, "scripts": list(install.scripts)}
        if install
        else None,
        "choices": [{"what": choice.what, "value": choice.value, "why": choice.why} for choice in plan.choices],
        "warnings": list(plan.warnings),
    }
    if order.ctx.options.format == "json":
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return
    rows = [(choice.what, choice.value, f"({choice.why})") for choice in plan.choices]
    if install:
        rows.append(("install", f"npm ci --omit=dev --ignore-scripts, {install.packages} packages", f"({install.lock})"))
    rows.append(("copy", f"{len(plan.files)} files to {plan.root}", ""))
    sys.stdout.write(f"{plan.name}: a {plan.kind} app for {order.platform}, variant {order.variant}\n")
    sys.stdout.write(output.columns(rows))
    for warning in plan.warnings:
        sys.stdout.write(f"warning: {warning}\n")


def _print(result: Result, ctx: "Context") -> None:
    if ctx.options.format == "json":
        sys.stdout.write(json.dumps(document(result), indent=2) + "\n")
        return
    document_ = document(result)
    facts: Mapping[str, object] = document_
    counts = result.app.counts if result.app else result.base.floors[-1].counts
    if not ctx.options.quiet:
        rows = [
            (result.name, f"{output.size(result.image.compressed_size)} compressed, {output.size(counts.size)} unpacked"),
            ("", f"{counts.files} files, {counts.executables} executables, {len(result.base.packages)} packages, "
                 f"user {facts['user']}"),
        ]  # fmt: skip
        sys.stderr.write(output.columns(rows) + f"built in {result.seconds:.2f} s\n")
    sys.stdout.write(f"{result.image.digest}\n")


def document(result: Result) -> dict[str, object]:
    """Return what `--format json` prints."""
    base, image = result.base, result.image
    layers = [(floor.name, floor.layer) for floor in base.floors] + list(result.app.layers if result.app else ())
    counts = result.app.counts if result.app else base.floors[-1].counts
    return {
        "schema": "nosh/build/1",
        "name": result.name,
        "digest": image.digest,
        "platform": str(image.config.platform),
        "base": f"{base.selected.name}-{base.selected.release}:{base.selected.variant}",
        "created": image.config.created,
        "user": image.config.user,
        "entrypoint": list(image.config.entrypoint),
        "cmd": list(image.config.cmd),
        "size": {"compressed": image.compressed_size, "unpacked": counts.size},
        "files": counts.files,
        "executables": counts.executables,
        "layers": [
            {
                "name": name,
                "digest": layer.digest,
                "diff_id": layer.diff_id,
                "size": layer.size,
                "unpacked": layer.tar_size,
            }
            for name, layer in layers
        ],
        "packages": [
            {
                "name": package.name,
                "version": package.version,
                "architecture": package.architecture,
                "source": package.source,
                "digest": package.digest,
                "origin": package.origin,
            }
            for package in base.packages
        ],
        "provenance": dict(base.provenance),
        "seconds": round(result.seconds, 3),
    }
