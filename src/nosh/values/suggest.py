"""Did you mean: the nearest of the names that would have worked."""

from collections.abc import Iterable


def hint(name: str, known: Iterable[str]) -> str:
    """Return a hint that names up to three near misses, or else what there is if that is short."""
    import difflib  # noqa: PLC0415 - start-up time

    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"one of {', '.join(names)}" if 0 < len(names) <= 24 else ""
