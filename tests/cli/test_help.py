"""Help: `-h` is short and has the example, `--help` has everything, and both are the same on every terminal."""

import pytest

from nosh.cli import main

SHARED = ("everywhere:", "--store DIR", "--verbose", "where packages come from:", "--mirror URL", "--insecure")


def text(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main.main(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


@pytest.mark.parametrize("verb", main.VERBS)
def test_help_has_everything(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    found = text(capsys, verb, "--help")
    assert found.startswith(f"usage: nosh {verb}")
    assert "\neverywhere:\n" in found
    assert all(option in found for option in SHARED[:3])
    assert found.splitlines()[-1].startswith(f"example: nosh {verb}")


@pytest.mark.parametrize("verb", main.VERBS)
def test_short_help_is_the_same_without_what_other_verbs_have(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    short, full = text(capsys, verb, "-h"), text(capsys, verb, "--help")
    assert not [option for option in SHARED if option in short]
    assert len(short.splitlines()) < 30
    rest = iter(full.splitlines())
    for line in short.splitlines():
        assert any(line.split() == other.split() for other in rest), line


def test_only_verbs_that_fetch_packages_have_their_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert SHARED[3] in text(capsys, "build", "--help")
    assert SHARED[3] not in text(capsys, "images", "--help")


def test_help_goes_before_what_is_wrong_or_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert text(capsys, "build", "-h") == text(capsys, "build", "none", "--plan", "-h")


def test_the_width_does_not_depend_on_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = text(capsys, "build", "--help")
    for variable, value in (("COLUMNS", "40"), ("FORCE_COLOR", "1"), ("LANG", "de_DE.UTF-8"), ("LINES", "5")):
        monkeypatch.setenv(variable, value)
    assert text(capsys, "build", "--help") == usual
    assert max(map(len, usual.splitlines())) <= 100


@pytest.mark.parametrize(
    ("verb", "usage"),
    [
        ("build", "THING [options]"),
        ("images", "[options]"),
        ("rm", "IMAGE … [options]"),
        ("run", "IMAGE [options] [-- ARG …]"),
        ("store", "{info,verify,prune} [options]"),
    ],
)
def test_usage_has_the_things_of_the_verb(capsys: pytest.CaptureFixture[str], verb: str, usage: str) -> None:
    assert text(capsys, verb, "-h").splitlines()[0] == f"usage: nosh {verb} {usage}"
