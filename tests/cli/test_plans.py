"""Golden plans: an app in tests/golden/plans/CASE/app, and what `--plan` prints of it beside it."""

import json
from pathlib import Path

import pytest

from nosh.cli import main

ROOT = Path(__file__).parents[2]
CASES = sorted(path.parent for path in (ROOT / "tests" / "golden" / "plans").glob("*/app"))


@pytest.mark.parametrize("suffix", ["txt", "json"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_plan_is_the_golden_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, case: Path, suffix: str
) -> None:
    monkeypatch.chdir(ROOT)
    words = ["build", str(case.relative_to(ROOT) / "app"), "--plan", "--platform", "linux/amd64"]
    words += ["--format", "json"] if suffix == "json" else []
    assert main.main(words) == 0
    printed = capsys.readouterr().out
    golden = case / f"plan.{suffix}"
    assert printed == golden.read_text(), f"if it is right: nosh {' '.join(words)} > {golden.relative_to(ROOT)}"


def test_there_are_cases() -> None:
    assert len(CASES) >= 4


@pytest.mark.parametrize("name", ["static", "nodejs22-debian12:debug"])
def test_the_plan_of_a_base_is_its_levels_and_packages(capsys: pytest.CaptureFixture[str], name: str) -> None:
    words = ["build", name, "--plan", "--platform", "linux/arm64"]
    assert main.main(words) == 0
    text = capsys.readouterr().out
    assert main.main([*words, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["platform"]) == ("nosh/base-plan/1", "linux/arm64")
    assert text.splitlines()[0] == (
        f"{document['recipe']} on {document['release']} for linux/arm64, variant {document['variant']}"
    )
    rows = [line.split() for line in text.splitlines()[1:]]
    levels = [
        [level["name"], *(level["packages"] or ["(files", "of", "the", "recipe)"])] for level in document["levels"]
    ]
    assert rows == levels
