"""The clock: what time it is, and how long something took."""

import time


def now() -> int:
    """Return seconds since 1970."""
    return int(time.time())


def elapsed() -> float:
    """Return seconds of a clock that never goes back; only differences mean something."""
    return time.perf_counter()
