"""Debian's package format and its neighbours (deb(5), deb-control(5), Debian policy)."""
