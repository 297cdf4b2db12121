"""Did you mean: near misses are named, or what there is if that is short."""

import pytest

from nosh.values.suggest import hint


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        pytest.param("biuld", ["build", "run"], "did you mean build?", id="one near miss"),
        pytest.param("nodejs2", ["nodejs20", "nodejs22", "java"], "did you mean nodejs22 or nodejs20?", id="two"),
        pytest.param("x", ["b", "a"], "one of a, b", id="none, and few names"),
        pytest.param("x", [], "", id="no names at all"),
        pytest.param("x", [f"name{number}" for number in range(25)], "", id="none, and too many names"),
        pytest.param("x", [f"n{number:02}" for number in range(24)], "one of n00, n01", id="just few enough"),
        pytest.param("name", [f"name{number}" for number in range(9)], "did you mean", id="three at most"),
    ],
)
def test_hints(name: str, known: list[str], expected: str) -> None:
    found = hint(name, known)
    assert found.startswith(expected)
    assert bool(found) is bool(expected)
    assert found == hint(name, reversed(known))
    assert found.count(" or ") <= 2
