"""Docker and Podman through their own programs, so that contexts, hosts and credentials are the user's."""

import contextlib
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nosh.engines.engine import GRACE, Available, Ended, Order, Skipped
from nosh.oci import docker_archive
from nosh.oci.image import Image
from nosh.outside import process
from nosh.values.digest import hex_of
from nosh.values.errors import EngineError, ProcessError

# Marks what nosh started: it stops nothing else.
_LABEL = "nosh.run"


@dataclass(frozen=True)
class CommandLine:
    """An engine that is a program.

    Attributes:
        environment: the user's, handed on whole: it says which daemon is meant.
    """

    name: str
    title: str
    environment: Mapping[str, str]

    def available(self) -> Available | Skipped:
        """Ask the program for its server's version."""
        if not process.which(self.name, self.environment.get("PATH", "")):
            return Skipped(f"there is no program {self.name}", f"install {self.title}")
        form = "{{.Server.Version}}" if self.name == "docker" else "{{.Version}}"
        try:
            done = self._call("version", "--format", form, timeout=20)
        except EngineError as error:
            return Skipped(error.message.partition(": ")[2] or error.message, error.hint)
        return Available(done.strip())

    def _call(self, *words: str, feed: Callable[[process.Write], object] | None = None, timeout: float = 300) -> str:
        try:
            done = process.run((self.name, *words), env=self.environment, feed=feed, timeout=timeout)
        except ProcessError as error:
            raise EngineError(f"cannot use {self.title}: {error.message}", hint=self._hint(error.message)) from error
        return done.stdout.decode("utf-8", "replace")

    def _hint(self, message: str) -> str:
        said = message.lower()
        if "permission denied while trying to connect" in said:
            return "your user may not talk to the daemon: join its group, or use --engine sandbox"
        if "runtime" in said or "oci" in said or "runc" in said or "crun" in said:
            return f"{self.title} cannot start containers on this machine: mend it, or use --engine sandbox"
        if "daemon" in said or "connect" in said:
            return "start the daemon, set DOCKER_HOST, or use --engine sandbox"
        return ""

    def load(self, image: Image, name: str) -> str:
        """Hand an image to the engine under that name, unless it has it, and return what the engine calls it.

        Raises:
            EngineError: the engine does not take it.
        """
        if self._has(image, name):
            return name
        said = self._call("load", feed=lambda write: docker_archive.write(image, write, name))
        match = re.search(r"^Loaded image(?:\(s\))?: (\S+)", said, re.MULTILINE)
        return match[1] if match else name

    def _has(self, image: Image, name: str) -> bool:
        try:
            known = self._call("image", "inspect", "--format", "{{.Id}}", name).strip()
        except EngineError:
            return False
        # An engine names an image by its configuration or by its manifest, whichever its store is built on.
        return known.removeprefix("sha256:") in map(hex_of, (image.manifest.config.digest, image.digest))

    def _words(self, order: Order) -> list[str]:
        words = ["--label", f"{_LABEL}=1", "--pull", "never"]
        words += ["--name", order.container] if order.container else []
        for port in order.ports:
            address = f"[{port.address}]:" if ":" in port.address else f"{port.address}:" if port.address else ""
            words += ["--publish", f"{address}{port.host}:{port.inner}"]
        for key, value in order.env.items():
            words += ["--env", f"{key}={value}"]
        words += ["--network", order.network] if order.network else []
        words += ["--user", order.user] if order.user else []
        return [*words, *self._read_only()] if order.read_only else words

    def _read_only(self) -> list[str]:
        # Podman would add folders of memory that Docker does not.
        return ["--read-only", "--read-only-tmpfs=false"] if self.name == "podman" else ["--read-only"]

    def run(self, order: Order) -> int:
        """Run a container in the foreground and return its exit code."""
        loaded = self.load(order.image, order.name)
        seen = ["--interactive", "--tty"] if os.isatty(0) and os.isatty(1) else ["--interactive"]
        words = [self.name, "run", "--rm", *seen, *self._words(order), loaded, *order.args]
        return process.attached(words, env=self.environment)

    def start(self, order: Order) -> str:
        """Start a container in the background and return its name."""
        loaded = self.load(order.image, order.name)
        try:
            made = self._call("run", "--detach", *self._words(order), loaded, *order.args)
        except EngineError:
            self._tidy(order.container)
            raise
        return order.container or made.strip()[:12]

    def _tidy(self, container: str) -> None:
        """Remove what is left of a container of ours that could not be started."""
        with contextlib.suppress(EngineError):
            if container and self._inspect(container, "{{.State.Status}}") == "created":
                self._call("rm", container)

    def _inspect(self, container: str, what: str) -> str | None:
        """Return what the engine says of a container of ours, or None if there is none of that name."""
        form = f'{{{{index .Config.Labels "{_LABEL}"}}}} {what}'
        try:
            ours, _, said = self._call("container", "inspect", "--format", form, container).strip().partition(" ")
        except EngineError as error:
            if "no such" in error.message.lower():
                return None
            raise
        if ours != "1":
            raise EngineError(
                f"cannot use container {container}: nosh did not start it", hint=f"{self.name} stop {container}"
            )
        return said

    def stop(self, container: str, *, grace: float = GRACE) -> bool:
        """Stop and remove a container of ours; say whether there was one."""
        if self._inspect(container, "") is None:
            return False
        self._call("stop", "--time", str(math.ceil(grace)), container)
        self._call("rm", "--force", "--volumes", container)
        return True

    def ended(self, container: str) -> Ended | None:
        """Return how a container of ours has ended, or None while it runs."""
        said = self._inspect(container, "{{.State.Status}} {{.State.ExitCode}}")
        if said is None:
            return Ended(1, f"{self.title} has no container {container} any more")
        status, _, code = said.partition(" ")
        if status not in {"exited", "dead", "stopped"}:
            return None
        done = process.run((self.name, "logs", "--tail", "20", container), env=self.environment, check=False)
        return Ended(int(code), (done.stdout + done.stderr).decode("utf-8", "replace"))


def docker(environment: Mapping[str, str]) -> CommandLine:
    """Return Docker."""
    return CommandLine("docker", "Docker", environment)


def podman(environment: Mapping[str, str]) -> CommandLine:
    """Return Podman."""
    return CommandLine("podman", "Podman", environment)


def load(image: Image, name: str, *, wanted: str, environment: Mapping[str, str]) -> None:
    """Hand an image to the wanted engine, or with ``auto`` to the first that works.

    Raises:
        EngineError: it does not work, or none does.
    """
    reasons = []
    for engine in (docker(environment), podman(environment)):
        if wanted in {"auto", engine.name}:
            answer = engine.available()
            if isinstance(answer, Available):
                engine.load(image, name)
                return
            reasons.append(f"{engine.name}: {answer.reason}")
    raise EngineError(f"cannot load {name}: {'; '.join(reasons)}", hint="write a file with -o F.tar and load that")
