"""What every verb shares: common options, settings from environment and files, and what follows from them."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from nosh.cli import output
from nosh.outside import clock
from nosh.outside.store import Store
from nosh.values.errors import InputError, UsageError

if TYPE_CHECKING:
    from nosh.build.job import Workshop
    from nosh.outside.http import Web
    from nosh.sources.distributions import Release
    from nosh.sources.mirrors import Mirror
    from nosh.sources.source import Source
    from nosh.values.platform import Platform
    from nosh.values.progress import Progress

APT = Path("/etc/apt")
# The same for every terminal, so that the help can be compared with the reference.
_WIDTH = 100
# Of the year 9999, the last one that RFC 3339 can write.
_LAST_SECOND = 253402300799


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help that is the same on every version of Python: each has its own idea of usage lines and of ``-t, --tag``."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=_WIDTH)

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[argparse._MutuallyExclusiveGroup],
        prefix: str | None = None,
    ) -> None:
        """Add the usage line: the things of the verb, and that there are options."""
        things = [self._thing(action) for action in actions if not action.option_strings]
        super().add_usage(usage or " ".join([self._prog, *things, "[options]"]), (), groups, prefix)

    def _thing(self, action: argparse.Action) -> str:
        name = self._metavar_formatter(action, action.dest.upper())(1)[0]
        return f"{name} …" if action.nargs == "+" else name

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings:
            return super()._format_action_invocation(action)
        words = ", ".join(action.option_strings)
        return words if action.nargs == 0 else f"{words} {self._format_args(action, action.dest.upper())}"


class _Brief(argparse.Action):
    """Print the help without what other verbs have as well."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        for action in parser.shared if isinstance(parser, Parser) else ():
            action.help = argparse.SUPPRESS
        parser.print_help()
        parser.exit()


class Parser(argparse.ArgumentParser):
    """A verb's parser; `shared` are the options that other verbs have as well, which ``-h`` leaves out."""

    def __init__(self, verb: str, about: str, *, example: str) -> None:
        super().__init__(
            prog=f"nosh {verb}",
            description=about,
            epilog=f"example: {example}",
            formatter_class=_Formatter,
            allow_abbrev=False,
            add_help=False,
        )
        # Of Python 3.14 on, help has colours; ours is text.
        self.color = False
        self.shared: list[argparse.Action] = []
        self.add_argument("-h", action=_Brief, nargs=0, help="show this verb's own options")
        self.add_argument("--help", action="help", help="show all options")

    def error(self, message: str) -> "None":  # type: ignore[override] # it never returns
        """Refuse the command line.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"cannot read the command line: {message}", hint=f"see {self.prog} --help")


def parser(verb: str, about: str, *, example: str) -> Parser:
    """Return a parser with the options that every verb has."""
    result = Parser(verb, about, example=example)
    add = result.add_argument_group("everywhere").add_argument
    result.shared += [
        add("--store", metavar="DIR", help="keep packages and images below DIR (NOSH_STORE)"),
        add("--config", metavar="FILE", help="settings to use (NOSH_CONFIG)"),
        add("--format", choices=("text", "json"), default="text", help="of what is printed"),
        add("--progress", choices=("auto", "plain", "none"), default="auto", help="on standard error"),
        add("--no-color", action="store_true", help="no colours (NO_COLOR)"),
        add("-q", "--quiet", action="store_true", help="no progress"),
        add("-v", "--verbose", action="store_true", help="say more, and show where errors come from"),
    ]
    return result


def sourcing(result: Parser) -> None:
    """Add the options of verbs that fetch packages."""
    add = result.add_argument_group("where packages come from").add_argument
    result.shared += [
        add("--mirror", metavar="URL", help="Debian mirror, in place of the machine's (NOSH_MIRROR)"),
        add("--keyring", metavar="FILE", help="trust these OpenPGP keys instead of Debian's"),
        add("--refresh", action="store_true", help="ask the mirror for news even within the hour"),
        add("--offline", action="store_true", help="no network: the store has it, or it fails"),
        add("--insecure", action="store_true", help="accept a repository without a valid signature"),
    ]


@dataclass(frozen=True)
class Context:
    """The common options and what they lead to."""

    options: argparse.Namespace
    environment: Mapping[str, str]

    @cached_property
    def settings(self) -> "Settings":
        """What config.toml says."""
        return _settings(self.options.config or self.environment.get("NOSH_CONFIG", ""), self.environment)

    def _folder(self, variable: str, default: str, *, below: str) -> Path:
        own = self.options.store or self.environment.get("NOSH_STORE")
        if own:
            return Path(own).absolute() / below
        base = self.environment.get(variable) or Path(self.environment.get("HOME") or "~").expanduser() / default
        return Path(base) / "nosh" / ("" if below == "cache" else below)

    @cached_property
    def store(self) -> Store:
        """Packages, pieces and indexes."""
        return Store(self._folder("XDG_CACHE_HOME", ".cache", below="cache"))

    @cached_property
    def images(self) -> Path:
        """The layout of nosh's own images."""
        return self._folder("XDG_DATA_HOME", ".local/share", below="images")

    @cached_property
    def state(self) -> Path:
        """What runs in the sandbox."""
        return self._folder("XDG_STATE_HOME", ".local/state", below="state")

    @cached_property
    def progress(self) -> "output.Plain | output.Bars":
        """Where work tells what it is doing."""
        options = self.options
        color = not (options.no_color or self.environment.get("NO_COLOR"))
        return output.progress(options.progress, quiet=options.quiet, color=color)

    @cached_property
    def web(self) -> "Web":
        """The network."""
        from nosh.outside import http  # noqa: PLC0415 - start-up time
        from nosh.sources import aptconf  # noqa: PLC0415 - start-up time

        lower = {name.lower(): value for name, value in self.environment.items()}
        apt = aptconf.settings(APT)
        proxies = {
            scheme: proxy
            for scheme in ("http", "https")
            if (
                proxy := self.settings.proxy or lower.get(f"{scheme}_proxy") or apt.get(f"acquire::{scheme}::proxy", "")
            )
            and proxy.upper() != "DIRECT"
        }
        authorities = self.environment.get("SSL_CERT_FILE") or self.environment.get("REQUESTS_CA_BUNDLE")
        return http.Web(
            http.Settings(
                proxies=proxies,
                no_proxy=tuple(name.strip().lstrip(".") for name in lower.get("no_proxy", "").split(",")),
                authorities=authorities or apt.get("acquire::https::cainfo", ""),
                offline=getattr(self.options, "offline", False),
            )
        )

    def workshop(self, progress: "Progress") -> "Workshop":
        """Return what building needs."""
        from nosh.build.job import Workshop  # noqa: PLC0415 - start-up time
        from nosh.formats.compression import compressor  # noqa: PLC0415 - start-up time
        from nosh.sources.tools import Tools  # noqa: PLC0415 - start-up time

        options = self.options
        tools = Tools(self.environment, self.store, offline=options.offline)
        return Workshop(
            self.store, self.web, tools, compressor(options.compression), progress, self._epoch(), options.layers,
            cores=len(os.sched_getaffinity(0)),
        )  # fmt: skip

    def _epoch(self) -> int:
        text = self.environment.get("SOURCE_DATE_EPOCH", "")
        if text and not (text.isdecimal() and len(text) <= len(str(_LAST_SECOND)) and int(text) <= _LAST_SECOND):
            raise UsageError(
                f"cannot use SOURCE_DATE_EPOCH {text[:40]!r}: it is no count of seconds",
                hint="set it to `date +%s`",
            )
        return int(text or 0)

    def connect(self, progress: "Progress") -> "Callable[[Release, Platform], Source]":
        """Return a function that opens the repository of a release; each is opened once."""
        from nosh.sources.repository import apt  # noqa: PLC0415 - start-up time

        options = self.options
        access = apt.Access(
            self.web,
            self.store,
            self._keyring(),
            insecure=options.insecure,
            refresh=options.refresh,
            progress=progress,
        )
        opened: dict[tuple[str, Platform], Source] = {}

        def open_release(release: "Release", platform: "Platform") -> "Source":
            key = release.name, platform
            if key not in opened:
                opened[key] = apt.connect(release, platform, self._mirrors(), access)
            return opened[key]

        return open_release

    def _mirrors(self) -> "tuple[Mirror, ...]":
        from nosh.sources import aptconf, mirrors  # noqa: PLC0415 - start-up time

        for address, said_by in (
            (self.options.mirror, "--mirror"),
            (self.environment.get("NOSH_MIRROR"), "NOSH_MIRROR"),
            (self.settings.mirror, "config.toml"),
        ):
            if address:
                if not address.startswith(("http://", "https://", "file:")):
                    raise UsageError(
                        f"cannot use mirror {address!r} ({said_by}): it is no address that nosh can ask",
                        hint="as in https://HOST/debian",
                    )
                return (mirrors.named(address, said_by),)
        return mirrors.candidates(aptconf.sources(APT), now=clock.now())

    def _keyring(self) -> bytes:
        path = self.options.keyring or self.settings.keyring
        if not path:
            return b""
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise InputError(f"cannot read key ring {path}: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Settings:
    """The user's config.toml: mirror address, key ring file, proxy address; empty where it says nothing."""

    mirror: str = ""
    keyring: str = ""
    proxy: str = ""


def _settings(path: str, environment: Mapping[str, str]) -> Settings:
    home = environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME") or "~").expanduser() / ".config"
    file = Path(path) if path else Path(home) / "nosh" / "config.toml"
    if not path and not file.exists():
        return Settings()
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read settings {file}: {error}") from error
    return read_settings(str(file), text)


def read_settings(place: str, text: str) -> Settings:
    """Read config.toml.

    Raises:
        InputError: one line a mistake, with file, line and column.
    """
    from nosh.recipes.reader import parse  # noqa: PLC0415 - start-up time

    table, mistakes = parse(place, text)
    settings = Settings(table.text("mirror"), table.text("keyring"), table.text("proxy"))
    table.done()
    mistakes.tell()
    return settings


def context(options: argparse.Namespace) -> Context:
    """Return the context of parsed options; the environment is read here and nowhere else."""
    if options.verbose:
        import logging  # noqa: PLC0415 - start-up time

        logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s: %(message)s")
    return Context(options, dict(os.environ))


def pair(text: str, option: str) -> tuple[str, str]:
    """Return key and value of ``KEY=VALUE``.

    Raises:
        UsageError: it is not that.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"cannot use {option} {text!r}: it has to be KEY=VALUE")
    return key, value
