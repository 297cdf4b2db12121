"""Recognising what an app is written in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nosh.apps import node
from nosh.apps.plan import Plan
from nosh.apps.project import SETTINGS, Project
from nosh.values.errors import InputError


class Builder(Protocol):
    """One ecosystem."""

    @property
    def kind(self) -> str:
        """Its name."""

    @property
    def marks(self) -> Sequence[str]:
        """Files that mark a project of it."""

    def plan(self, project: Project) -> Plan:
        """Return what is to be done; refuses what it cannot build, with the way out."""


@dataclass(frozen=True, slots=True)
class Node:
    """Node.js with npm."""

    kind: str = "node"
    marks: Sequence[str] = ("package.json",)

    def plan(self, project: Project) -> Plan:
        """Return the plan of a Node project."""
        return node.plan(project)


BUILDERS: tuple[Builder, ...] = (Node(),)


def detect(project: Project) -> Builder:
    """Return the builder for a project.

    Raises:
        InputError: there is none, or more than one would do.
    """
    found = [builder for builder in BUILDERS if any(project.has(mark) for mark in builder.marks)]
    if len(found) == 1:
        return found[0]
    marks = ", ".join(mark for builder in BUILDERS for mark in builder.marks)
    raise InputError(
        f"cannot build {project.folder}: it is no app that nosh knows",
        hint=f"nosh looks for {marks}; a base image is built by its name (see `nosh catalogue`), "
        f"settings of an app stand in {SETTINGS}",
    )
