"""Docker and Podman through their own programs, so that contexts, hosts and credentials are the user's."""

import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nosh.engines.engine import Available, Order, Skipped
from nosh.oci import docker_archive
from nosh.oci.image import Image
from nosh.outside import process
from nosh.values.errors import EngineError, ProcessError

_GRACE = "10"


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
        if not shutil.which(self.name, path=self.environment.get("PATH", "")):
            return Skipped(f"there is no program {self.name}", f"install {self.title}")
        form = "{{.Server.Version}}" if self.name == "docker" else "{{.Version}}"
        try:
            done = self._call("version", "--format", form, timeout=20)
        except EngineError as error:
            return Skipped(error.message.partition(": ")[2] or error.message, error.hint)
        return Available(done.strip())

    def _call(self, *words: str, timeout: float = 300) -> str:
        try:
            done = process.run((self.name, *words), env=self.environment, timeout=timeout)
        except ProcessError as error:
            raise EngineError(f"cannot use {self.title}: {error.message}", hint=self._hint(error.message)) from error
        return done.stdout.decode("utf-8", "replace")

    def _hint(self, message: str) -> str:
        if "permission denied" in message.lower():
            return "your user may not talk to the daemon: join its group, or use --engine sandbox"
        if "daemon" in message.lower() or "connect" in message.lower():
            return "start the daemon, set DOCKER_HOST, or use --engine sandbox"
        return ""

    def load(self, image: Image, name: str) -> str:
        """Hand an image to the engine under that name, and return what the engine calls it.

        Raises:
            EngineError: the engine does not take it.
        """
        with tempfile.TemporaryDirectory(prefix="nosh-") as folder:
            path = Path(folder, "image.tar")
            with path.open("wb") as file:
                docker_archive.write(image, file.write, name)
            said = self._call("load", "--input", str(path))
        match = re.search(r"^Loaded image(?:\(s\))?: (\S+)", said, re.MULTILINE)
        return match[1] if match else name

    def _words(self, order: Order) -> list[str]:
        words = ["--name", order.container] if order.container else []
        for port in order.ports:
            words += ["--publish", f"{port.address}:{port.host}:{port.inner}"]
        for key, value in order.env.items():
            words += ["--env", f"{key}={value}"]
        if order.network:
            words += ["--network", order.network]
        return words

    def run(self, order: Order) -> int:
        """Run a container in the foreground and return its exit code."""
        loaded = self.load(order.image, order.name)
        words = [self.name, "run", "--rm", *self._words(order), loaded, *order.args]
        return process.attached(words, env=self.environment)

    def start(self, order: Order) -> str:
        """Start a container in the background and return its name."""
        loaded = self.load(order.image, order.name)
        made = self._call("run", "--detach", *self._words(order), loaded, *order.args)
        return order.container or made.strip()[:12]

    def stop(self, container: str) -> bool:
        """Stop and remove a container; say whether there was one."""
        try:
            self._call("container", "inspect", container)
        except EngineError as error:
            if "no such" in error.message.lower():
                return False
            raise
        self._call("stop", "--time", _GRACE, container)
        self._call("rm", "--force", container)
        return True

    def ended(self, container: str) -> str | None:
        """Return the last output of a container that has ended, or None while it runs."""
        try:
            if self._call("container", "inspect", "--format", "{{.State.Running}}", container).strip() == "true":
                return None
            done = process.run((self.name, "logs", "--tail", "20", container), env=self.environment)
        except (EngineError, ProcessError) as error:
            return error.message
        return (done.stdout + done.stderr).decode("utf-8", "replace")


def docker(environment: Mapping[str, str]) -> CommandLine:
    """Return Docker."""
    return CommandLine("docker", "Docker", environment)


def podman(environment: Mapping[str, str]) -> CommandLine:
    """Return Podman."""
    return CommandLine("podman", "Podman", environment)


def load(image: Image, name: str, wanted: str, environment: Mapping[str, str]) -> None:
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
