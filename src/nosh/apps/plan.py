"""What is going to be done for an app, as data: printed by `--plan`, carried out by `execute`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nosh.apps.project import File


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that was decided, and why."""

    what: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class NpmInstall:
    """Installing an npm project's dependencies from its lock.

    Attributes:
        lock: file name of the lock.
        packages: how many packages the lock has for production.
        scripts: packages that ask to run a script when they are installed, which is not done.
        everything: whether the lock points at folders of the project, so that all of it is needed.
    """

    lock: str
    packages: int
    scripts: tuple[str, ...] = ()
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """An app image to be made.

    Attributes:
        base: catalogue name of the base image.
        root: folder of the app in the image, absolute.
        files: what is copied into it.
        cmd: arguments for the base's entry point.
    """

    kind: str
    name: str
    version: str
    base: str
    root: str
    files: tuple[File, ...]
    cmd: tuple[str, ...]
    install: NpmInstall | None = None
    user: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    choices: tuple[Choice, ...] = ()
    warnings: tuple[str, ...] = ()
