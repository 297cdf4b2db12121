"""Dockerfiles and their neighbours, as values."""
