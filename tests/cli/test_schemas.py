"""What `--format json` prints keeps to its published schema."""

import json
import re
from pathlib import Path

import pytest
from tests.simulators import schemas, small_image, trees

from nosh.cli.main import main
from nosh.oci import images
from nosh.outside.store import Store, blob_path

ROOT = Path(__file__).parents[2]
EXAMPLE = str(ROOT / "examples" / "node-express")


def test_every_schema_that_is_named_is_published_and_the_other_way_round() -> None:
    texts = [path.read_text() for path in (ROOT / "src").rglob("*.py")]
    named = {name for text in texts for name in re.findall(r'"schema": "nosh/([a-z-]+/\d+)"', text)}
    assert {name.replace("/", "-") for name in named} == {path.stem for path in schemas.FOLDER.glob("*.json")}


@pytest.mark.parametrize(
    "words",
    [
        ("catalogue",),
        ("catalogue", "--all"),
        ("images",),
        ("doctor",),
        ("store", "info"),
        ("build", EXAMPLE, "--plan"),
        ("build", "nodejs22:debug", "--plan"),
    ],
    ids=" ".join,
)
def test_the_output_fits(words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--format", "json", "--store", str(tmp_path)]) == 0
    schemas.check(json.loads(capsys.readouterr().out))


def test_images_fit_whole_and_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path / "cache")
    with small_image.press(store.root) as press:
        one, two = (small_image.make(press, [trees.file("a", text)]) for text in "12")
    images.write(one, tmp_path / "images", "one", store)
    images.write(two, tmp_path / "images", "two", store)
    blob_path(tmp_path / "images", two.manifest.config.digest).write_bytes(b"{}")
    assert main(["images", "--format", "json", "--store", str(tmp_path)]) == 3
    document = json.loads(capsys.readouterr().out)
    schemas.check(document)
    assert [set(one) for one in document["images"]] == [
        {"name", "digest", "size", "created", "platform"},
        {"name", "digest", "reason"},
    ]
