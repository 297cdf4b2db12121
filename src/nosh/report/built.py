"""A finished build, and a plan of one, as JSON values and as text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nosh.report import text

if TYPE_CHECKING:
    from nosh.apps.execute import App
    from nosh.apps.plan import Plan
    from nosh.build import Base
    from nosh.oci.image import Image
    from nosh.recipes.recipe import Selected
    from nosh.values.platform import Platform


@dataclass(frozen=True)
class Result:
    """A finished image: where it came from, what it is called, how long it took (seconds)."""

    name: str
    image: "Image"
    base: "Base"
    app: "App | None"
    seconds: float


def document(result: Result, provenance: Mapping[str, str]) -> dict[str, object]:
    """Return what `--format json` prints."""
    base, image = result.base, result.image
    layers = [layer for floor in base.floors for layer in floor.layers] + list(result.app.layers if result.app else ())
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
        "shells": list(counts.shells),
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
        "provenance": dict(provenance),
        "seconds": round(result.seconds, 3),
    }


def summary(result: Result) -> str:
    """Return a few lines for people."""
    counts = result.app.counts if result.app else result.base.floors[-1].counts
    sizes = f"{text.size(result.image.compressed_size)} compressed, {text.size(counts.size)} unpacked"
    contents = f"{counts.files} files, {counts.executables} executables, {len(result.base.packages)} packages"
    shells = ", ".join(counts.shells) or "none"
    rows = [
        (result.name, sizes),
        ("", contents),
        ("", f"user {result.image.config.user or 'root'}, shell: {shells}"),
    ]
    return text.columns(rows) + f"built in {result.seconds:.2f} s\n"


def base_plan(selected: "Selected", platform: "Platform") -> dict[str, object]:
    """Return what would be built of a recipe, as JSON values."""
    return {
        "schema": "nosh/base-plan/1",
        "recipe": selected.name,
        "release": selected.release,
        "variant": selected.variant,
        "platform": str(platform),
        "levels": [{"name": level.name, "packages": list(level.packages)} for level in selected.levels],
    }


def base_plan_text(selected: "Selected", platform: "Platform") -> str:
    """Return what would be built of a recipe, as text."""
    rows = [(level.name, " ".join(level.packages) or "(files of the recipe)") for level in selected.levels]
    head = f"{selected.name} on {selected.release} for {platform}, variant {selected.variant}\n"
    return head + text.columns(rows)


def app_plan(plan: "Plan", platform: "Platform", variant: str) -> dict[str, object]:
    """Return what would be built of an app, as JSON values."""
    install = plan.install
    return {
        "schema": "nosh/plan/1",
        "kind": plan.kind,
        "name": plan.name,
        "version": plan.version,
        "base": plan.base,
        "variant": variant,
        "platform": str(platform),
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


def app_plan_text(plan: "Plan", platform: "Platform", variant: str) -> str:
    """Return what would be built of an app, as text."""
    rows = [(choice.what, choice.value, f"({choice.why})") for choice in plan.choices]
    if plan.install:
        packages = f"npm ci --omit=dev --ignore-scripts, {plan.install.packages} packages"
        rows.append(("install", packages, f"({plan.install.lock})"))
    rows.append(("copy", f"{len(plan.files)} files to {plan.root}", ""))
    head = f"{plan.name}: a {plan.kind} app for {platform}, variant {variant}\n"
    return head + text.columns(rows) + "".join(f"warning: {warning}\n" for warning in plan.warnings)
