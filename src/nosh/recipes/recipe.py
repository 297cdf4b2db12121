"""The nouns of a recipe: levels of packages and files, and the settings an image starts with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nosh.values.account import Group, User
from nosh.values.digest import Digest


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory that no package brings."""

    path: str
    mode: int
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link that no package brings."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class TextFile:
    """A small file that no package brings."""

    path: str
    content: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Upstream:
    """A program that comes from its makers and not from the distribution.

    Attributes:
        kind: how to get it: ``node`` (the binary release) or ``npm-package`` (one package, whole).
        date: seconds since 1970 of its release.
        files: member of the release -> path in the image.
        digests: OCI architecture (or ``all``) -> member -> digest of its bytes.
    """

    kind: str
    name: str
    version: str
    date: int
    files: Mapping[str, str]
    digests: Mapping[str, Mapping[str, Digest]]


@dataclass(frozen=True, slots=True)
class Part:
    """One file taken from a package, of another release perhaps, as the debug shell is.

    Attributes:
        release: where the package is taken from, or nothing for the image's own.
        applets: names of links to it that are made beside it.
    """

    package: str
    release: str
    file: str
    path: str
    applets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """What one recipe of a chain adds; it becomes about one layer.

    Attributes:
        packages: names, in the order of the recipe.
        partial: package -> the only paths (patterns) that are taken of it.
        cut: path patterns that are left out of every package, in this level and those above.
        keep: exceptions from `cut`.
        identity: write os-release, in place of the distribution's.
        certificates: package whose certificates make the CA bundle, or nothing.
    """

    name: str
    packages: tuple[str, ...] = ()
    partial: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    cut: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    certificates: str = ""
    identity: bool = False
    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()
    directories: tuple[Directory, ...] = ()
    links: tuple[Link, ...] = ()
    files: tuple[TextFile, ...] = ()
    upstream: tuple[Upstream, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether it adds no file."""
        return not (
            self.packages or self.partial or self.parts or self.users or self.groups
            or self.directories or self.links or self.files or self.upstream or self.certificates
            or self.identity
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settings:
    """How the image starts; a level above overrides what it sets (None is not set)."""

    user: str | None = None
    workdir: str | None = None
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    stop_signal: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipe:
    """One page, read.

    Attributes:
        place: file name for messages.
        releases: where it can be built; the first is the default.
        packages: release -> names.
        variants: name -> what it adds and sets.
    """

    name: str
    summary: str
    place: str
    extends: str
    releases: tuple[str, ...]
    architectures: tuple[str, ...]
    level: Level
    packages: Mapping[str, tuple[str, ...]]
    settings: Settings
    variants: Mapping[str, tuple[Level, Settings]]
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Selected:
    """A recipe made definite: one release, one variant, its whole chain of levels, lowest first."""

    name: str
    summary: str
    release: str
    variant: str
    architectures: tuple[str, ...]
    levels: tuple[Level, ...]
    settings: Settings
