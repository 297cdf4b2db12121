"""Node apps: package.json and npm's lock file say what to install and what to start."""

import json
import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from nosh.apps.plan import Choice, NpmInstall, Plan
from nosh.apps.project import SETTINGS, Project, files
from nosh.recipes import catalogue
from nosh.values.errors import InputError

# The majors that the catalogue has, the one to take first at the front: the newest under long-term support.
MAJORS = (24, 22, 20)
LOCKS = ("npm-shrinkwrap.json", "package-lock.json")
_FOREIGN_LOCKS = {"yarn.lock": "yarn", "pnpm-lock.yaml": "pnpm", "bun.lock": "bun", "bun.lockb": "bun"}
_SHELL = re.compile(r"[|&;<>$`*?\[\](){}\n!~#]")
# npm takes ">= 20" and ">=v20"; the parser of ranges wants them as ">=20".
_OPERATOR = re.compile(r"([<>]=?|[=~^])\s*v?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*")
_ROOT = "/app"
_SCRIPT = "scripts.start in package.json"

Document = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Start:
    """What runs: arguments of node, and variables that the script set before it."""

    arguments: tuple[str, ...]
    env: Mapping[str, str]
    why: str


@dataclass(frozen=True, slots=True)
class _Folder:
    """What the app's folder will have in the image: its files, and node_modules if anything is installed."""

    project: Project
    paths: frozenset[str]
    installed: bool

    def find(self, name: str) -> str:
        """Return the file that node would load for a name, or nothing."""
        for path in (name, f"{name}.js", f"{name}/index.js"):
            place = self._place(path)
            if place in self.paths or (self.installed and place.startswith("node_modules/")):
                return posixpath.normpath(path)
        return ""

    def _place(self, path: str) -> str:
        # A link is followed, since what it leads to is what has to be there.
        top = self.project.folder.resolve()
        place = (top / path).resolve() if (top / path).is_file() else top / posixpath.normpath(path)
        return str(place.relative_to(top)) if place.is_relative_to(top) else ""


def plan(project: Project) -> Plan:
    """Return the plan of a Node project.

    Raises:
        InputError: it cannot be built as it is; the hint says what to change.
    """
    manifest = _json(project, "package.json")
    wishes = project.wishes
    install = _install(project, manifest)
    found = files(project)
    start = _start(_Folder(project, frozenset(file.path for file in found), install is not None), manifest)
    base, why = (wishes.base, f"base in {SETTINGS}") if wishes.base else _base(project, manifest)
    name = wishes.name or _image_name(_text(manifest, "name")) or _image_name(project.name) or "app"
    scripts = install.scripts if install else ()
    return Plan(
        kind="node",
        name=name,
        version=_text(manifest, "version"),
        base=base,
        root=wishes.workdir or _ROOT,
        files=found,
        cmd=start.arguments,
        install=install,
        user=wishes.user,
        env={"NODE_ENV": "production", **start.env, **wishes.env},
        labels={**_labels(manifest), **wishes.labels},
        ports=wishes.ports,
        choices=(
            Choice("base", base, why),
            Choice("start", shlex.join(("node", *start.arguments)), start.why),
        ),
        warnings=(*_not_installed(scripts), *_not_started(manifest, start)),
    )


def _not_installed(packages: Iterable[str]) -> Iterator[str]:
    for package in packages:
        yield (
            f"{package} wants to run a script when it is installed; that is not done, so what the script "
            "would have built or fetched is missing"
        )


def _not_started(manifest: Document, start: Start) -> Iterator[str]:
    scripts = _table(manifest, "scripts")
    for name in ("prestart", "poststart"):
        if start.why == _SCRIPT and _text(scripts, name):
            yield f"scripts.{name} in package.json is not run: only npm would do that, and the image has none"


def _json(project: Project, name: str) -> Document:
    text = project.text(name)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{project.path(name)}:{error.lineno}:{error.colno}: {error.msg} (not valid JSON)") from error
    if not isinstance(document, dict):
        raise InputError(f"{project.path(name)}:1:1: it has to be a JSON object")
    return document


def _text(document: Document, key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def _table(document: Document, key: str) -> Document:
    value = document.get(key)
    return cast("Document", value) if isinstance(value, dict) else {}


def _image_name(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.rpartition("/")[2].lower()).strip("-")


def _labels(manifest: Document) -> dict[str, str]:
    repository = _text(manifest, "repository") or _text(_table(manifest, "repository"), "url")
    repository = re.sub(r"^git\+", "", re.sub(r"\.git$", "", repository))
    repository = re.sub(r"^(?:github:|(?=[\w.-]+/[\w.-]+$))", "https://github.com/", repository)
    found = {
        "title": _text(manifest, "name"),
        "description": _text(manifest, "description"),
        "version": _text(manifest, "version"),
        "licenses": _text(manifest, "license"),
        "source": repository,
    }
    return {f"org.opencontainers.image.{key}": value for key, value in found.items() if value}


def _install(project: Project, manifest: Document) -> NpmInstall | None:
    lock = next((name for name in LOCKS if project.has(name)), "")
    if not lock:
        _refuse_foreign(project)
        if not _wants(manifest):
            return None
        raise InputError(
            f"cannot build {project.folder}: it has dependencies but no lock file, so two builds could differ",
            hint=f"make one: cd {project.folder} && npm install --package-lock-only",
        )
    document = _json(project, lock)
    version = document.get("lockfileVersion")
    if not isinstance(version, int) or version < 2:
        raise InputError(
            f"cannot build {project.folder}: {lock} has version {version!r}, and nosh reads 2 and newer",
            hint=f"renew it with a current npm: cd {project.folder} && npm install --package-lock-only",
        )
    packages = {
        path: cast("Document", entry)
        for path, entry in _table(document, "packages").items()
        if path and isinstance(entry, dict) and not entry.get("dev")
    }
    scripts = sorted(
        f"{path.rpartition('node_modules/')[2]} {entry.get('version', '')}".strip()
        for path, entry in packages.items()
        if entry.get("hasInstallScript")
    )
    everything = any(entry.get("link") for entry in packages.values())
    count = sum(1 for path in packages if "node_modules/" in path)
    return NpmInstall(lock, count, tuple(scripts), everything) if packages or _wants(manifest) else None


def _wants(manifest: Document) -> bool:
    return any(_table(manifest, key) for key in ("dependencies", "optionalDependencies"))


def _refuse_foreign(project: Project) -> None:
    for name, tool in _FOREIGN_LOCKS.items():
        if project.has(name):
            raise InputError(
                f"cannot build {project.folder}: it is locked by {tool} ({name}), and nosh installs with npm so far",
                hint=f"give it an npm lock as well: cd {project.folder} && npm install --package-lock-only",
            )


def _start(folder: _Folder, manifest: Document) -> Start:
    wishes = folder.project.wishes
    if wishes.command:
        return Start(wishes.command, {}, f"command in {SETTINGS}")
    main = _text(manifest, "main")
    script = _text(_table(manifest, "scripts"), "start")
    if script:
        return _script(folder, script, main=main)
    for name, why in (
        (main, "main in package.json"),
        ("server.js", "npm's default"),
        ("index.js", "Node's default"),
    ):
        if name and (path := folder.find(name)):
            return Start((path,), {}, why)
    raise InputError(
        f"cannot build {folder.project.folder}: nothing says what to start",
        hint=f'add "start": "node FILE" to scripts in package.json, or command = ["FILE"] below [app] in {SETTINGS}',
    )


def _script(folder: _Folder, script: str, *, main: str) -> Start:
    way_out = f'name the program without a shell, in {SETTINGS}: [app] command = ["FILE", "ARGUMENT"]'
    sign = _SHELL.search(script)
    if sign:
        raise InputError(
            f"cannot start {script!r} (scripts.start in package.json): it needs a shell for "
            f"{sign[0].strip() or 'its second line'!r}, and the image has none",
            hint=way_out,
        )
    try:
        words = shlex.split(script)
    except ValueError as error:
        raise InputError(f"cannot read scripts.start {script!r}: {error}", hint=way_out) from error
    env = {}
    while words and _VARIABLE.fullmatch(words[0]):
        name, _, env[name] = words.pop(0).partition("=")
    if len(words) < 2 or words[0] != "node":
        raise InputError(
            f"cannot start {script!r} (scripts.start in package.json): only the form `node FILE` needs no npm or shell",
            hint=way_out,
        )
    names = [word for word in words[1:] if not word.startswith("-")]
    # A word may belong to an option before it (node -r MODULE FILE); one of them has to be the program.
    if names and not any(folder.find(main if word in {".", "./"} and main else word) for word in names):
        raise InputError(
            f"cannot start {script!r} (scripts.start in package.json): there is no file {' or '.join(names)}",
            hint="does it have to be built first, or does .dockerignore leave it out?",
        )
    return Start(tuple(words[1:]), env, _SCRIPT)


def _version(name: str) -> str:
    """Return the version of Node that a recipe of the catalogue has."""
    return next(one.version for one in catalogue.find(name).level.upstream if one.kind == "node")


def _base(project: Project, manifest: Document) -> tuple[str, str]:
    wanted = _text(_table(manifest, "engines"), "node")
    if not wanted:
        return (
            f"nodejs{MAJORS[0]}",
            "the newest Node under long-term support; package.json has no engines.node",
        )
    import semantic_version  # noqa: PLC0415 - start-up time

    try:
        accepted = semantic_version.NpmSpec(_OPERATOR.sub(r"\1", wanted.replace("~>", "~")).strip())
    except ValueError as error:
        raise InputError(f"cannot read engines.node {wanted!r} in {project.path('package.json')}: {error}") from error
    versions = {f"nodejs{major}": _version(f"nodejs{major}") for major in MAJORS}
    for name, version in versions.items():
        if accepted.match(semantic_version.Version(version)):
            return name, f"engines.node is {wanted!r}"
    known = ", ".join(reversed(versions.values()))
    raise InputError(
        f"cannot build {project.folder}: engines.node is {wanted!r}, and the catalogue has Node {known}",
        hint=f'widen engines.node, or set base = "nodejs{MAJORS[0]}" below [app] in {SETTINGS}',
    )
