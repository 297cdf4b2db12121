"""Placeholder."""
from collections.abc import Iterable
from pathlib import Path
from nosh.values.entry import Entry
def extract(members: Iterable[tuple[Entry, Iterable[bytes]]], destination: Path) -> None:
    raise AssertionError
