"""Platforms as OCI names them, and what Debian and npm call the same machines."""

import os
from dataclasses import dataclass

from nosh.values.errors import UsageError

# OCI architecture and variant -> Debian's name, GNU triplet, Node's name.
_MACHINES: dict[tuple[str, str], tuple[str, str, str]] = {
    ("amd64", ""): ("amd64", "x86_64-linux-gnu", "x64"),
    ("arm64", "v8"): ("arm64", "aarch64-linux-gnu", "arm64"),
}
_ALIASES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Platform:
    """What an image runs on (OCI image-spec, image index, `platform`)."""

    architecture: str
    variant: str = ""
    os: str = "linux"

    def __str__(self) -> str:
        """Return ``os/architecture`` (the variant is implied by the architecture)."""
        return f"{self.os}/{self.architecture}"

    @property
    def debian(self) -> str:
        """Debian's name of the architecture."""
        return _MACHINES[self.architecture, self.variant][0]

    @property
    def triplet(self) -> str:
        """The GNU triplet, as in Debian's multiarch library folders."""
        return _MACHINES[self.architecture, self.variant][1]

    @property
    def node(self) -> str:
        """Node's and npm's name of the processor."""
        return _MACHINES[self.architecture, self.variant][2]


ALL = tuple(Platform(architecture, variant) for architecture, variant in _MACHINES)


def parse(text: str) -> Platform:
    """Read ``linux/amd64``, ``linux/arm64/v8`` or a bare architecture.

    Raises:
        UsageError: nosh does not build for it.
    """
    system, slash, rest = text.partition("/")
    architecture, _, variant = rest.partition("/") if slash else (system, "", "")
    system = system if slash else "linux"
    architecture = _ALIASES.get(architecture, architecture)
    for platform in ALL:
        if (platform.os, platform.architecture) == (system, architecture) and variant in {"", platform.variant}:
            return platform
    known = ", ".join(str(platform) for platform in ALL)
    raise UsageError(f"cannot build for platform {text!r}: it is not known", hint=f"one of {known}")


def host() -> str:
    """Return the architecture of this machine as the kernel names it."""
    return os.uname().machine
