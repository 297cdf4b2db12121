"""Sizes and columns."""

import pytest

from nosh.report import text


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1500, "1.5 kB"),
        (999_940, "999.9 kB"),
        (999_960, "1.0 MB"),
        (47_300_000, "47.3 MB"),
        (999_999_999, "1.0 GB"),
        (1_234_000_000_000, "1234.0 GB"),
    ],
)
def test_sizes_are_written_in_powers_of_a_thousand(count: int, shown: str) -> None:
    assert text.size(count) == shown


def test_columns_are_as_wide_as_their_widest_cell_and_nothing_trails() -> None:
    rows = [("NAME", "SIZE", ""), ("a", "1 B", "x"), ("longer", "10 kB", "")]
    assert text.columns(rows) == "NAME    SIZE\na       1 B    x\nlonger  10 kB\n"
    assert text.columns(rows, right=frozenset({1})) == "NAME     SIZE\na         1 B  x\nlonger  10 kB\n"
    assert text.columns([]) == ""
