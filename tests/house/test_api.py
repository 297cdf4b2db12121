"""The public API: few names, sorted, each of them there, none of them imported before it is used."""

import subprocess
import sys

import nosh


def test_every_name_of_the_api_is_there_and_sorted() -> None:
    assert nosh.__all__ == sorted(nosh.__all__)
    assert len(nosh.__all__) <= 16
    for name in nosh.__all__:
        assert getattr(nosh, name) is not None
    assert dir(nosh) == nosh.__all__


def test_nothing_is_imported_before_it_is_used() -> None:
    code = "import sys, nosh; print(sorted(name for name in sys.modules if name.startswith('nosh.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_name_that_is_not_part_of_it_is_an_attribute_error() -> None:
    assert not hasattr(nosh, "nothing_of_that_name")
