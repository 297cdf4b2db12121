"""Getting upstream releases: from their makers' site, or else by the user's npm."""

import json
import logging
from collections.abc import Iterable
from pathlib import Path

from nosh.formats import compression, tar
from nosh.outside import process
from nosh.outside.http import Web
from nosh.outside.store import Store
from nosh.sources import toolchain
from nosh.sources.tools import Tools
from nosh.sources.upstream import Wanted
from nosh.values.digest import Digest
from nosh.values.entry import Kind
from nosh.values.errors import Error, NetworkError, VerificationError
from nosh.values.platform import Platform

log = logging.getLogger(__name__)

_NODE = "https://nodejs.org/dist/v{version}/node-v{version}-linux-{machine}.tar.xz"


def bring(wanted: Wanted, platform: Platform, web: Web, store: Store, tools: Tools) -> str:
    """Bring a release's members into the store, and say who handed them over.

    Raises:
        NetworkError: neither the makers' site nor the user's npm has it.
        VerificationError: what they have is something else.
    """
    if wanted.kind == "npm-package":
        return _npm_package(wanted, wanted.name, store, tools, whole=True)
    try:
        return _release(wanted, platform, web, store)
    except NetworkError as error:
        log.info("%s; asking npm", error.message)
        return _npm_package(wanted, f"node-linux-{platform.node}", store, tools, whole=False)


def _release(wanted: Wanted, platform: Platform, web: Web, store: Store) -> str:
    address = _NODE.format(version=wanted.version, machine=platform.node)
    with store.workspace() as folder:
        path = folder / "node.tar.xz"
        with path.open("w+b") as file:
            web.stream(address, file.write, limit=1 << 30, restart=lambda: (file.seek(0), file.truncate()))
        _take(path, wanted, store)
    return "nodejs.org"


def _npm_package(wanted: Wanted, package: str, store: Store, tools: Tools, *, whole: bool) -> str:
    npm = toolchain.npm(tools)
    with store.workspace() as folder:
        argv = (*npm.argv, "pack", "--json", "--silent", "--ignore-scripts", f"{package}@{wanted.version}")
        try:
            done = process.run(argv, cwd=folder, env=npm.environment, timeout=600)
            path = folder / str(json.loads(done.stdout)[0]["filename"]).replace("/", "-").lstrip("@")
            path.stat()
        except (Error, ValueError, LookupError, TypeError, OSError) as error:
            reason = error.message if isinstance(error, Error) else "npm's answer cannot be read"
            raise NetworkError(
                f"cannot get {package} {wanted.version}: {reason}",
                hint="check npm's registry and proxy settings",
            ) from error
        if whole:
            _keep(wanted, "package", (path.read_bytes(),), store)
        else:
            _take(path, wanted, store)
    return f"npm {package}"


def _take(path: Path, wanted: Wanted, store: Store) -> None:
    missing = dict(wanted.members)
    with path.open("rb") as file:
        for entry, body in tar.read(compression.decompress(file)):
            member = entry.path.partition("/")[2]
            if entry.kind is Kind.FILE and member in missing:
                del missing[member]
                _keep(wanted, member, body, store)
    if missing:
        raise VerificationError(f"cannot use {wanted.name} {wanted.version}: the release lacks {', '.join(missing)}")


def _keep(wanted: Wanted, member: str, chunks: Iterable[bytes | memoryview], store: Store) -> None:
    with store.write() as writer:
        for chunk in chunks:
            writer.write(chunk)
        _check(wanted, member, found=writer.digest(), pinned=wanted.members[member])
        writer.commit()


def _check(wanted: Wanted, member: str, *, found: Digest, pinned: Digest) -> None:
    if found != pinned:
        raise VerificationError(
            f"cannot trust {member} of {wanted.name} {wanted.version}: its digest is {found}, the recipe pins {pinned}",
            hint="whoever handed it over changed it, or the recipe is wrong",
        )
