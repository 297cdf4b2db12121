"""nosh images: what there is, and which of it is damaged."""

from pathlib import Path

import pytest
from tests.simulators import small_image, trees

from nosh.cli.main import main
from nosh.oci import images
from nosh.outside.store import Store, blob_path


def test_a_damaged_image_is_listed_as_such_and_the_exit_code_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path / "cache")
    with small_image.press(store.root) as press:
        image = small_image.make(press, [trees.file("a", "1")])
    images.write(image, tmp_path / "images", "one", store)
    words = ["images", "--store", str(tmp_path)]
    assert main(words) == 0
    assert "one:latest" in capsys.readouterr().out
    blob_path(tmp_path / "images", image.manifest.config.digest).write_bytes(b"{}")
    assert main(words) == 3
    seen = capsys.readouterr()
    assert seen.out.splitlines()[1].split() == ["one:latest", image.digest[:19], "damaged"]
    assert "nosh rm" in seen.err
