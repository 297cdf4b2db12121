"""A project folder: its settings in nosh.toml, its files without what is ignored, its secrets."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from nosh.dockerfile import ignore
from nosh.formats import secrets
from nosh.recipes.reader import Table, parse
from nosh.values.errors import InputError

SETTINGS = "nosh.toml"
# Never part of an app, whether there is a .dockerignore or not.
_ALWAYS = """
**/.git
**/.hg
**/.svn
**/.DS_Store
**/node_modules
.dockerignore
Dockerfile*
nosh.toml
nosh.lock
"""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What nosh.toml asks for; what it leaves open is empty.

    Attributes:
        command: arguments for the runtime, or the program itself.
        allow: relative paths of files that may be in the image though they look like secrets.
    """

    name: str = ""
    base: str = ""
    command: tuple[str, ...] = ()
    workdir: str = ""
    user: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    exclude: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """A file or link of the project; `target` is empty for files, `size` in bytes."""

    path: str
    size: int
    executable: bool
    target: str = ""


@dataclass(frozen=True, slots=True)
class Project:
    """A folder to make an image of."""

    folder: Path
    wishes: Wishes

    def path(self, name: str) -> Path:
        """Return the place of one of its files."""
        return self.folder / name

    def text(self, name: str) -> str:
        """Return a file's text.

        Raises:
            InputError: it cannot be read or is no UTF-8.
        """
        try:
            return self.path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read {self.path(name)}: {error}") from error

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return self.path(name).is_file()

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.resolve().name


def open_project(folder: Path) -> Project:
    """Open a folder and read its nosh.toml, if it has one.

    Raises:
        InputError: there is no such folder, or nosh.toml is wrong.
    """
    if not folder.is_dir():
        raise InputError(f"cannot build {folder}: there is no such folder")
    path = folder / SETTINGS
    project = Project(folder, Wishes())
    if not path.exists():
        return project
    wishes = read_wishes(str(path), project.text(SETTINGS))
    # A recipe of one's own is named from the folder of the settings, wherever nosh is started.
    return Project(folder, replace(wishes, base=str(folder / wishes.base)) if wishes.base.endswith(".toml") else wishes)


def read_wishes(place: str, text: str) -> Wishes:
    """Read nosh.toml.

    Raises:
        InputError: one line a mistake, with file, line and column.
    """
    table, mistakes = parse(place, text)
    app = table.table("app")
    wishes = Wishes(
        name=app.text("name"),
        base=app.text("base"),
        command=app.texts("command"),
        workdir=_workdir(app),
        user=app.text("user"),
        env=app.table("env").map_texts(),
        labels=app.table("labels").map_texts(),
        ports=_ports(app),
        exclude=app.texts("exclude"),
        allow=tuple(path.removeprefix("./") for path in app.texts("allow-secrets")),
    )
    app.done()
    table.done()
    mistakes.tell()
    return wishes


def _workdir(app: Table) -> str:
    workdir = app.text("workdir")
    if workdir and (not workdir.startswith("/") or os.path.normpath(workdir) != workdir or workdir == "/"):
        app.note(f"workdir {workdir!r} has to be a plain absolute path, and not / itself", "workdir")
    return workdir


def _ports(app: Table) -> tuple[int, ...]:
    ports = app.numbers("ports")
    for port in ports:
        if not 0 < port < 65536:
            app.note(f"port {port} is not between 1 and 65535", "ports")
    return ports


def files(project: Project) -> tuple[File, ...]:
    """Return the project's files in order of their paths, without those that are ignored.

    Raises:
        InputError: a file looks like a secret, a link leaves the folder, or a file cannot be read.
    """
    text = project.text(".dockerignore") if project.has(".dockerignore") else ""
    ignored = ignore.matcher("\n".join([text, *project.wishes.exclude, _ALWAYS]))
    found = tuple(
        sorted(_walk(project.folder, "", ignored), key=lambda file: file.path.encode(errors="surrogateescape"))
    )
    _refuse_secrets(project, found)
    return found


def _walk(folder: Path, prefix: str, ignored: "ignore.Matcher") -> Iterator[File]:
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise InputError(f"cannot read {folder}: {error.strerror}") from error
    for entry in entries:
        path = prefix + entry.name
        if entry.is_dir(follow_symlinks=False):
            # What is never part of an app may be large, and is not even looked at.
            if entry.name not in {".git", "node_modules"}:
                yield from _walk(folder / entry.name, path + "/", ignored)
        elif not ignored(path):
            yield _file(entry, path)


def _file(entry: "os.DirEntry[str]", path: str) -> File:
    if entry.is_symlink():
        return File(path, 0, executable=False, target=_target(Path(entry.path), path))
    if not entry.is_file(follow_symlinks=False):
        raise InputError(
            f"cannot put {path} into an image: it is neither file, folder nor link",
            hint="leave it out with .dockerignore",
        )
    status = entry.stat(follow_symlinks=False)
    return File(path, status.st_size, executable=bool(status.st_mode & 0o111))


def _target(link: Path, path: str) -> str:
    target = str(link.readlink())
    inside = os.path.normpath(os.path.join(os.path.dirname(path), target))  # noqa: PTH118, PTH120 - no file is meant
    if os.path.isabs(target) or inside.split("/")[0] == "..":  # noqa: PTH117 - no file is meant
        raise InputError(
            f"cannot put link {path} into an image: it leads to {target}, outside of the folder",
            hint="copy what it leads to, or leave it out with .dockerignore",
        )
    return target


def _refuse_secrets(project: Project, found: tuple[File, ...]) -> None:
    lines = []
    for file in found:
        if file.target or file.path in project.wishes.allow:
            continue
        try:
            with project.path(file.path).open("rb") as opened:
                why = secrets.reason(file.path, opened.read(secrets.HEAD))
        except OSError as error:
            raise InputError(f"cannot read {project.path(file.path)}: {error.strerror}") from error
        if why:
            lines.append(f"  {file.path}: {why}")
    if lines:
        raise InputError(
            "\n".join(["cannot put secrets into an image:", *lines]),
            hint=f"name them in .dockerignore; if one is meant to be in the image: allow-secrets in {SETTINGS} "
            "or --allow-secret PATH",
        )
