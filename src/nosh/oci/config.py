"""The image configuration: what runs, as whom, with which environment (image-spec `config.md`)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from nosh.oci import shape
from nosh.oci.shape import text, texts
from nosh.values.digest import Digest, parse
from nosh.values.errors import FormatError
from nosh.values.platform import Platform

MEDIA_TYPE = "application/vnd.oci.image.config.v1+json"


@dataclass(frozen=True, slots=True)
class History:
    """Where one layer came from."""

    created_by: str
    created: str = ""
    comment: str = ""
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """An image's configuration.

    Attributes:
        created: RFC 3339 time, or an empty string.
        user: ``uid[:gid]`` or a name; empty means root.
        env: variables in order.
        ports: exposed ports as ``3000/tcp``.
        diff_ids: digests of the uncompressed layers, lowest first.
    """

    platform: Platform
    created: str = ""
    user: str = ""
    env: tuple[tuple[str, str], ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    workdir: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[str, ...] = ()
    stop_signal: str = ""
    diff_ids: tuple[Digest, ...] = ()
    history: tuple[History, ...] = ()

    @property
    def argv(self) -> tuple[str, ...]:
        """What starts when nothing else is asked for."""
        return self.entrypoint + self.cmd


def render(config: Config) -> bytes:
    """Return the configuration as canonical JSON: sorted keys, no white space."""
    return json.dumps(_document(config), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _document(config: Config) -> dict[str, object]:
    platform = config.platform
    run: dict[str, object] = {
        "User": config.user,
        "Env": [f"{name}={value}" for name, value in config.env],
        "Entrypoint": list(config.entrypoint),
        "Cmd": list(config.cmd),
        "WorkingDir": config.workdir,
        "Labels": dict(config.labels),
        "ExposedPorts": {port: {} for port in config.ports},
        "StopSignal": config.stop_signal,
    }
    document: dict[str, object] = {
        "architecture": platform.architecture,
        "os": platform.os,
        "variant": platform.variant,
        "created": config.created,
        "config": {key: value for key, value in run.items() if value},
        "rootfs": {"type": "layers", "diff_ids": list(config.diff_ids)},
        "history": [_history(entry) for entry in config.history],
    }
    return {key: value for key, value in document.items() if value}


def _history(entry: History) -> dict[str, object]:
    document = {
        "created": entry.created,
        "created_by": entry.created_by,
        "comment": entry.comment,
        "empty_layer": entry.empty,
    }
    return {key: value for key, value in document.items() if value}


def read(data: bytes) -> Config:
    """Parse a configuration.

    Raises:
        FormatError: it is not JSON of the right shape.
    """
    try:
        document = json.loads(data)
        run = document.get("config") or {}
        return Config(
            platform=Platform(text(document["architecture"]), text(document.get("variant")), text(document["os"])),
            created=text(document.get("created")),
            user=text(run.get("User")),
            env=tuple(_pair(variable) for variable in texts(run.get("Env"))),
            entrypoint=texts(run.get("Entrypoint")),
            cmd=texts(run.get("Cmd")),
            workdir=text(run.get("WorkingDir")),
            labels=shape.table(run.get("Labels")),
            ports=texts(list(run.get("ExposedPorts") or ())),
            stop_signal=text(run.get("StopSignal")),
            diff_ids=tuple(parse(one) for one in texts(document["rootfs"]["diff_ids"])),
            history=tuple(_read_history(entry) for entry in document.get("history") or ()),
        )
    except shape.WRONG as error:
        raise FormatError(f"cannot read image configuration: {error!r}") from error


def _pair(variable: str) -> tuple[str, str]:
    name, _, value = variable.partition("=")
    return name, value


def _read_history(entry: Mapping[str, object]) -> History:
    return History(
        created_by=text(entry.get("created_by")),
        created=text(entry.get("created")),
        comment=text(entry.get("comment")),
        empty=bool(entry.get("empty_layer")),
    )
