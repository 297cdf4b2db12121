"""nosh: container images with no shell."""

__version__ = "0.1.0"
