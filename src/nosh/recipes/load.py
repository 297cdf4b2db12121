"""Reading recipes, and following `extends` down to a chain of levels."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from nosh.recipes.reader import Table, parse
from nosh.recipes.recipe import (
    Directory,
    Level,
    Link,
    Part,
    Recipe,
    Selected,
    Settings,
    TextFile,
    Upstream,
)
from nosh.values import digest
from nosh.values.account import Group, User
from nosh.values.digest import Digest
from nosh.values.errors import FormatError, InputError, NotFoundError
from nosh.values.suggest import hint

T = TypeVar("T")

VARIANTS = ("nonroot", "root", "debug", "debug-root")
UPSTREAM_KINDS = ("node", "npm-package")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_PATH = re.compile(r"(/[^/\0]+)+")
_ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def read(place: str, text: str) -> Recipe:
    """Read one recipe.

    Raises:
        InputError: what is wrong with it, one line a mistake with file, line and column.
    """
    table, mistakes = parse(place, text)
    name = table.text("name", required=True)
    if name and not _NAME.fullmatch(name):
        table.note(f"name {name!r} may have lower-case letters, digits, dots and dashes only", "name")
    packages, level = _packages(table), _level(table, name)
    _check_certificates(table, level, packages)
    variants = {}
    for variant in table.table("variants").keys():  # noqa: SIM118 - a Table is no dict
        if variant not in VARIANTS:
            table.note(f"unknown variant {variant} ({hint(variant, VARIANTS)})", "variants", variant)
        page = table.table("variants").table(variant)
        more = replace(_level(page, f"{name}:{variant}"), packages=page.texts("packages"))
        _check_certificates(page, more, {"": more.packages})
        variants[variant] = (more, _settings(page))
        page.done()
    recipe = Recipe(
        name=name,
        summary=table.text("summary"),
        place=place,
        extends=table.text("extends"),
        releases=table.texts("releases"),
        architectures=table.texts("architectures"),
        level=level,
        packages=packages,
        settings=_settings(table),
        variants=variants,
        hidden=table.flag("hidden"),
    )
    table.done()
    mistakes.tell()
    return recipe


def _packages(table: Table) -> dict[str, tuple[str, ...]]:
    table.expect("packages")
    if not table.has("packages"):
        return {}
    if table.is_array("packages"):
        return {"": table.texts("packages")}
    return table.table("packages").map(lambda inner, key: inner.texts(key))


def _level(table: Table, name: str) -> Level:
    return Level(
        name=name,
        partial=table.table("partial").map(_patterns),
        parts=_each(table, "part", _part),
        cut=_patterns(table, "cut"),
        keep=_patterns(table, "keep"),
        certificates=table.text("certificates"),
        identity=table.flag("os-release"),
        users=_each(table, "account", _user),
        groups=_each(table, "group", _group),
        directories=_each(table, "directory", _directory),
        links=_each(table, "link", _link),
        files=_each(table, "file", _file),
        upstream=_each(table, "upstream", _upstream),
    )


def _check_certificates(table: Table, level: Level, packages: Mapping[str, tuple[str, ...]]) -> None:
    wanted = level.certificates
    if wanted and not all(wanted in {*names, *level.partial} for names in packages.values() or [()]):
        table.note(f"certificates names {wanted}, which is not among the packages of this page", "certificates")


def _each(table: Table, key: str, read_row: Callable[[Table], T]) -> tuple[T, ...]:
    found = []
    for row in table.tables(key):
        found.append(read_row(row))
        row.done()
    return tuple(found)


def _patterns(table: Table, key: str) -> tuple[str, ...]:
    patterns = table.texts(key)
    for pattern in patterns:
        if not pattern.startswith("/"):
            table.note(f"{key} pattern {pattern!r} has to start with /", key)
    return tuple(pattern.lstrip("/") for pattern in patterns)


def _path(row: Table, key: str) -> str:
    return _plain(row, key, path=row.text(key, required=True))


def _plain(row: Table, key: str, *, path: str) -> str:
    if path and (not _PATH.fullmatch(path) or "/../" in path + "/" or "/./" in path + "/"):
        row.note(f"{key} {path!r} has to be a plain absolute path", key)
    return path.lstrip("/")


def _part(row: Table) -> Part:
    part = Part(
        row.text("package", required=True),
        row.text("release"),
        _path(row, "file"),
        _path(row, "path"),
        row.texts("applets"),
    )
    for applet in part.applets:
        if "/" in applet or applet in {"", ".", ".."}:
            row.note(f"applet {applet!r} has to be a plain name", "applets")
    return part


def _user(row: Table) -> User:
    name, home = _account(row), row.text("home", "/nonexistent")
    if not row.has("uid"):
        row.note("uid is missing")
    _plain(row, "home", path=home)
    uid = row.number("uid")
    return User(name, uid, row.number("gid", uid), home, row.mode("home-mode", 0))


def _group(row: Table) -> Group:
    name = _account(row)
    if not row.has("gid"):
        row.note("gid is missing")
    return Group(name, row.number("gid"))


def _account(row: Table) -> str:
    name = row.text("name", required=True)
    if name and not _ACCOUNT.fullmatch(name):
        row.note(f"name {name!r} may have letters, digits, dots and dashes only", "name")
    return name


def _directory(row: Table) -> Directory:
    return Directory(_path(row, "path"), row.mode("mode", 0o755), row.number("uid"), row.number("gid"))


def _link(row: Table) -> Link:
    return Link(_path(row, "path"), row.text("target", required=True))


def _file(row: Table) -> TextFile:
    return TextFile(_path(row, "path"), row.text("content"), row.mode("mode", 0o644))


def _upstream(row: Table) -> Upstream:
    kind = row.text("kind", required=True)
    if kind and kind not in UPSTREAM_KINDS:
        row.note(f"unknown upstream kind {kind} ({hint(kind, UPSTREAM_KINDS)})", "kind")
    files = row.table("files").map(lambda inner, member: _plain(inner, member, path=inner.text(member)))
    digests = row.table("digests").map(lambda inner, key: _digests(inner.table(key)))
    if not files:
        row.note("files is missing, or empty")
    for machine, found in digests.items():
        if lacking := sorted(files.keys() - found.keys()):
            row.note(f"digests.{machine} lacks {', '.join(lacking)}", "digests", machine)
    return Upstream(
        kind=kind,
        name=row.text("name", required=True),
        version=row.text("version", required=True),
        date=_date(row),
        files=files,
        digests=digests,
    )


def _digests(table: Table) -> dict[str, Digest]:
    found = {}
    for key, value in table.map_texts().items():
        found[key] = Digest(value)
        try:
            digest.parse(value)
        except FormatError as error:
            table.note(error.message, key)
    return found


def _date(row: Table) -> int:
    text = row.text("date", required=True)
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError:
        if text:
            row.note(f"date {text!r} has to be like 2026-11-30", "date")
        return 0


def _settings(table: Table) -> Settings:
    return Settings(
        user=_optional(table, "user", Table.text),
        workdir=_optional(table, "workdir", Table.text),
        entrypoint=_optional(table, "entrypoint", Table.texts),
        cmd=_optional(table, "cmd", Table.texts),
        stop_signal=_optional(table, "stop-signal", Table.text),
        env=table.table("env").map_texts(),
        labels=table.table("labels").map_texts(),
    )


def _optional(table: Table, key: str, get: Callable[[Table, str], T]) -> T | None:
    if not table.has(key):
        table.expect(key)
        return None
    return get(table, key)


def select(recipe: Recipe, find: Callable[[str], Recipe], *, release: str, variant: str) -> Selected:
    """Follow `extends` and return the chain for one release and variant.

    Args:
        recipe: the top of the chain.
        find: gives a recipe by family name.
        release: the wanted release, or nothing for the recipe's default.
        variant: one of `VARIANTS`.

    Raises:
        InputError: the chain goes round, or a release or variant is not there.
    """
    chain = _chain(recipe, find)
    releases = _first(chain, lambda page: page.releases)
    release = release or _suffix(recipe.extends)[1] or next(iter(releases), "")
    if release not in releases:
        known = f"it can be built for {', '.join(releases)}" if releases else "name `releases` in the recipe"
        raise InputError(f"cannot build {recipe.name} for {release or 'no release'}", hint=known)
    levels = tuple(_level_for(page, release) for page in reversed(chain))
    extra, overrides = _variant(chain, variant)
    settings = _merge([page.settings for page in reversed(chain)] + overrides)
    architectures = _first(chain, lambda page: page.architectures)
    return Selected(recipe.name, recipe.summary, release, variant, architectures, (*levels, *extra), settings)


def chain_value(
    recipe: Recipe, find: Callable[[str], Recipe], get: Callable[[Recipe], tuple[str, ...]]
) -> tuple[str, ...]:
    """Return what the recipe or the nearest one below it says of something."""
    return _first(_chain(recipe, find), get)


def _first(chain: Iterable[Recipe], get: Callable[[Recipe], tuple[str, ...]]) -> tuple[str, ...]:
    return next((value for page in chain if (value := get(page))), ())


def _chain(recipe: Recipe, find: Callable[[str], Recipe]) -> list[Recipe]:
    chain = [recipe]
    while chain[-1].extends:
        base = find(_suffix(chain[-1].extends)[0])
        if base.place in {page.place for page in chain}:
            names = " -> ".join([*(page.name for page in chain), base.name])
            raise InputError(f"{recipe.place}: extends goes round: {names}")
        chain.append(base)
    return chain


def _suffix(name: str) -> tuple[str, str]:
    match = re.fullmatch(r"(.+?)-((?:debian|ubuntu|wolfi|alpine)[0-9.]*)", name)
    return (match[1], match[2]) if match else (name, "")


def split(name: str) -> tuple[str, str]:
    """Split a catalogue name like ``cc-debian12`` into family and release (empty if not said)."""
    return _suffix(name)


def _level_for(page: Recipe, release: str) -> Level:
    packages = page.packages.get(release, page.packages.get("", ()))
    if page.packages and release not in page.packages and "" not in page.packages:
        raise InputError(f"{page.place}: cannot build {page.name} for {release}: no packages are listed for it")
    return replace(page.level, packages=packages)


def _variant(chain: list[Recipe], variant: str) -> tuple[list[Level], list[Settings]]:
    if variant not in VARIANTS:
        raise NotFoundError(f"cannot build variant {variant!r}: it is not known", hint=hint(variant, VARIANTS))
    levels, settings = [], []
    for word in ("debug", "root", variant) if variant == "debug-root" else (variant,):
        for page in reversed(chain):
            level, overrides = page.variants.get(word, (Level(""), Settings()))
            if not level.empty:
                levels.append(level)
            settings.append(overrides)
    return levels, settings


def _merge(settings: list[Settings]) -> Settings:
    merged = Settings()
    for over in settings:
        merged = Settings(
            user=merged.user if over.user is None else over.user,
            workdir=merged.workdir if over.workdir is None else over.workdir,
            entrypoint=merged.entrypoint if over.entrypoint is None else over.entrypoint,
            cmd=merged.cmd if over.cmd is None else over.cmd,
            stop_signal=merged.stop_signal if over.stop_signal is None else over.stop_signal,
            env=_merge_env(merged.env, over.env),
            labels={**merged.labels, **over.labels},
        )
    return merged


def _merge_env(below: Mapping[str, str], over: Mapping[str, str]) -> dict[str, str]:
    merged = dict(below)
    for name, value in over.items():
        merged[name] = value.replace("${" + name + "}", below.get(name, ""))
    return merged
