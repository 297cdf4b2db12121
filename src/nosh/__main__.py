"""Lets `python -m nosh` work."""

from nosh.cli.main import console

console()
