"""Plain text: sizes, columns."""

from collections.abc import Sequence


def size(count: float) -> str:
    """Return a count of bytes as people write it, in powers of 1000 (``47.3 MB``)."""
    for unit in ("B", "kB", "MB", "GB"):
        if round(count, 1) < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("the last unit takes everything")


def columns(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> str:
    """Return rows of equal length as aligned columns, the ones numbered in `right` aligned to the right."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip() + "\n")
    return "".join(lines)
