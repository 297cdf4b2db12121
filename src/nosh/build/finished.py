"""The image of finished levels: its settings, its history, and what its labels say of it."""

import time as clocks
from collections.abc import Iterable, Mapping

from nosh.build.floor import Floor
from nosh.oci import edit
from nosh.oci.config import Config, History
from nosh.oci.image import Image, Open
from nosh.recipes.recipe import Selected
from nosh.values.platform import Platform

_LABEL = "org.opencontainers.image"


def image(selected: Selected, platform: Platform, floors: Iterable[Floor], created: int, open_: Open) -> Image:
    """Return the image of a selected recipe; `created` in seconds since 1970."""
    floors = tuple(floors)
    settings = selected.settings
    time = _rfc3339(created)
    config = Config(
        platform=platform,
        created=time,
        user=settings.user or "",
        env=tuple(settings.env.items()),
        entrypoint=settings.entrypoint or (),
        cmd=settings.cmd or (),
        workdir=settings.workdir or "",
        stop_signal=settings.stop_signal or "",
        labels=settings.labels,
        diff_ids=tuple(layer.diff_id for floor in floors for _, layer in floor.layers),
        history=tuple(
            History(f"nosh build: {name}", _rfc3339(floor.time)) for floor in floors for name, _ in floor.layers
        ),
    )
    layers = tuple(layer.descriptor for floor in floors for _, layer in floor.layers)
    return edit.annotate(edit.compose(config, layers, {}, open_), _about(selected, time))


def _about(selected: Selected, time: str) -> Mapping[str, str]:
    # A base image has the version of the program it is for; what is only packages has none of its own.
    versions = [one.version for level in selected.levels for one in level.upstream]
    found = {
        "title": f"{selected.name}-{selected.release}",
        "description": selected.summary,
        "version": versions[-1] if versions else "",
        "created": time,
    }
    return {f"{_LABEL}.{key}": value for key, value in found.items() if value}


def _rfc3339(time: int) -> str:
    return clocks.strftime("%Y-%m-%dT%H:%M:%SZ", clocks.gmtime(time))
