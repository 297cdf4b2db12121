"""What the machine's apt is configured with: sources, proxies, certificates (sources.list(5), apt.conf(5))."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nosh.formats.deb import control
from nosh.values.errors import FormatError

_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|\#(?!clear|include)[^\n]*|/\*.*?\*/)"""
    r"""|(?P<text>"(?:\\.|[^"\\])*"|[^\s{};"]+)|(?P<sign>[{};])""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Line:
    """One repository of the configuration; a `suite` that ends in ``/`` is a flat one."""

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str = ""


def sources(folder: Path) -> tuple[Line, ...]:
    """Return the binary repositories below an apt folder (as ``/etc/apt``), in apt's order, without damaged ones."""
    found: list[Line] = []
    for path in (folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))):
        text = _text(path)
        if path.suffix == ".list":
            found += one_line_style(text)
        elif path.suffix == ".sources":
            found += deb822_style(text)
    return tuple(found)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def one_line_style(text: str) -> Iterator[Line]:
    """Yield the repositories of lines like ``deb [signed-by=F] URI SUITE COMPONENT…``."""
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<rest>[^#]+)", line)
        words = match["rest"].split() if match else []
        if match and len(words) > 1:
            options = dict(pair.partition("=")[::2] for pair in (match["options"] or "").split())
            yield Line(words[0], words[1], tuple(words[2:]), options.get("signed-by", ""))


def deb822_style(text: str) -> Iterator[Line]:
    """Yield the repositories of paragraphs with ``URIs``, ``Suites`` and ``Components``."""
    try:
        paragraphs = list(control.paragraphs(text))
    except FormatError:
        return
    for paragraph in paragraphs:
        fields = {key.lower(): value for key, value in paragraph.items()}
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in {
            "no",
            "false",
        }:
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Line(
                    uri,
                    suite,
                    tuple(fields.get("components", "").split()),
                    fields.get("signed-by", "").strip(),
                )


def settings(folder: Path) -> Mapping[str, str]:
    """Return apt's scalar settings below a folder by lower-case name, as ``acquire::http::proxy``."""
    found: dict[str, str] = {}
    for path in (*sorted((folder / "apt.conf.d").glob("*")), folder / "apt.conf"):
        if path.suffix in {"", ".conf"}:
            found |= parse_settings(_text(path))
    return found


def parse_settings(text: str) -> dict[str, str]:
    """Return the settings of one file in apt.conf's syntax; the last value of a name wins."""
    found: dict[str, str] = {}
    scopes: list[str] = []
    words: list[str] = []
    for match in _TOKEN.finditer(text):
        sign = match["sign"]
        if match["text"]:
            words.append(_unquoted(match["text"]))
        elif sign == "{":
            scopes.append(words[0] if words else "")
            words = []
        elif sign:
            if len(words) > 1:
                found["::".join([*filter(None, scopes), words[0]]).lower()] = words[1]
            words = []
            if sign == "}" and scopes:
                scopes.pop()
    return found


def _unquoted(text: str) -> str:
    return text[1:-1] if text.startswith('"') else text
