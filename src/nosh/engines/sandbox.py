"""nosh's own runner as an engine: an image's layers are laid out once, then run in namespaces."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nosh.engines.engine import GRACE, Available, Ended, Order, Skipped
from nosh.formats import compression, tar
from nosh.oci.image import Image
from nosh.oci.manifest import Descriptor
from nosh.outside import extract, sandbox, sandbox_watch, store
from nosh.outside.extract import Member
from nosh.outside.sandbox import Launch
from nosh.values import platform as platforms
from nosh.values.digest import hex_of
from nosh.values.errors import EngineError, InputError

# What Docker gives to a program whose image says nothing.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Sandbox:
    """The engine that needs none.

    Attributes:
        folder: keeps laid-out images and the state of what runs.
    """

    folder: Path
    name: str = "sandbox"

    def available(self) -> Available | Skipped:
        """Find out whether it works here, by making a sandbox."""
        try:
            sandbox.check()
        except EngineError as error:
            return Skipped(error.message.partition(": ")[2] or error.message, error.hint)
        return Available("namespaces")

    def run(self, order: Order) -> int:
        """Run an image in the foreground and return its exit code."""
        with _platform_told(order):
            return sandbox.run(self._launch(order, order.container or "nosh"))

    def start(self, order: Order) -> str:
        """Start an image in the background and return its name."""
        name = order.container or order.name.partition(":")[0].replace("/", "-")
        with _platform_told(order):
            sandbox_watch.start(self._launch(order, name), name, self._state)
        return name

    @property
    def _state(self) -> Path:
        return self.folder / "sandboxes"

    def stop(self, container: str, *, grace: float = GRACE) -> bool:
        """Stop a sandbox; say whether there was one."""
        if sandbox_watch.state(container, self._state) is None:
            return False
        sandbox_watch.stop(container, self._state, grace=grace)
        return True

    def ended(self, container: str) -> Ended | None:
        """Return how a sandbox has ended, or None while it runs."""
        state = sandbox_watch.state(container, self._state)
        if state is None:
            return Ended(1, f"there is no sandbox {container} any more")
        return None if state.code is None else Ended(state.code, state.log)

    def _launch(self, order: Order, hostname: str) -> Launch:
        config = order.image.config
        argv = (*config.entrypoint, *(order.args or config.cmd))
        if not argv:
            raise InputError(
                f"cannot run {order.name}: the image names no program",
                hint="add one: nosh run IMAGE -- /path/of/program",
            )
        root = self.lay_out(order.image)
        uid, gid, home = _user(order.user or config.user, root)
        return Launch(
            str(root),
            argv,
            {"PATH": _PATH, "HOSTNAME": hostname, "HOME": home, **dict(config.env), **order.env},
            workdir=config.workdir or "/",
            uid=uid,
            gid=gid,
            ports=order.ports,
            host_network=order.network == "host",
            read_only=order.read_only,
            hostname=hostname,
            stop_signal=_signal(config.stop_signal),
        )

    def lay_out(self, image: Image) -> Path:
        """Return the folder with the image's files; it is made once and only read."""
        root = self.folder / "roots" / hex_of(image.digest)
        with store.lock_file(self.folder / "roots" / "lock"):
            if not root.exists():
                extract.lay((_members(image, layer) for layer in image.layers), root)
        return root


@contextmanager
def _platform_told(order: Order) -> Iterator[None]:
    """Say so in the hint if what failed is a program of another machine; with an emulator it may well run."""
    try:
        yield
    except EngineError as error:
        wanted, ours = order.image.config.platform, platforms.parse(platforms.host())
        if wanted == ours:
            raise
        hint = f"the image is for {wanted} and this machine is {ours}: build it with --platform {ours}"
        raise EngineError(error.message, hint=hint) from error


def _signal(text: str) -> int:
    """Return the number of a stop signal: ``SIGTERM``, ``TERM``, ``15`` or ``SIGRTMIN+3`` (image-spec `config.md`)."""
    name, _, more = text.upper().partition("+")
    if name.isdigit():
        return int(name)
    return getattr(signal, "SIG" + name.removeprefix("SIG"), signal.SIGTERM) + int(more or 0)


def _members(image: Image, layer: Descriptor) -> Iterator[Member]:
    with image.open(layer.digest) as file:
        yield from tar.read(compression.decompress(file))


def _user(text: str, root: Path) -> tuple[int, int, str]:
    """Return user, group and home of a configuration's ``user[:group]`` by the image's own accounts."""
    user, _, group = text.partition(":")
    rows = [line.split(":") for line in _lines(root / "etc/passwd")]
    row = next((row for row in rows if len(row) > 5 and user in {row[0], row[2]}), None)
    if row:
        uid, gid, home = int(row[2]), int(row[3]), row[5]
    elif user.isdigit() or not user:
        uid, gid, home = int(user or 0), 0, "/"
    else:
        raise EngineError(f"cannot run as {user!r}: the image has no account of that name")
    if group:
        found = next((row for row in (line.split(":") for line in _lines(root / "etc/group")) if row[0] == group), None)
        if found is None and not group.isdigit():
            raise EngineError(f"cannot run as group {group!r}: the image has none of that name")
        gid = int(found[2]) if found else int(group)
    return uid, gid, home


def _lines(path: Path) -> list[str]:
    # The file is the image's: a link there would lead to the host's.
    if path.is_symlink() or path.parent.is_symlink() or not path.is_file():
        return []
    return path.read_text(errors="replace").splitlines()
