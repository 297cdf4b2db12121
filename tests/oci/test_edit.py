"""Making one image out of another leaves the old one as it is."""

from dataclasses import replace
from pathlib import Path

from tests.simulators import small_image, trees

from nosh.oci import edit, validate
from nosh.oci.config import History
from nosh.oci.image import GZIP


def test_append_puts_a_layer_on_top(tmp_path: Path) -> None:
    with small_image.press(tmp_path) as press:
        old = small_image.make(press, [trees.file("a", "1")])
        layer, _ = small_image.make_layer(press, [trees.file("b", "2")])
    before = (old.manifest_bytes, old.config_bytes)
    new = edit.append(old, layer, History("second"))
    assert [one.digest for one in new.layers] == [old.layers[0].digest, layer.digest]
    assert new.layers[1].size == layer.size
    assert new.layers[1].media_type == GZIP
    assert new.config.diff_ids == (*old.config.diff_ids, layer.diff_id)
    assert [one.created_by for one in new.config.history] == ["nosh", "second"]
    assert validate.check(new) == ()
    assert (old.manifest_bytes, old.config_bytes) == before
    assert new.digest != old.digest
    assert new.compressed_size == sum(one.size for one in new.layers) + len(new.config_bytes)


def test_configure_keeps_the_layers(tmp_path: Path) -> None:
    with small_image.press(tmp_path) as press:
        old = small_image.make(press, [trees.file("a", "1")])
    new = edit.configure(old, replace(old.config, user="65532", env=(("A", "b"),)))
    assert (new.config.user, new.config.env, new.layers) == ("65532", (("A", "b"),), old.layers)
    assert validate.check(new) == ()
    assert edit.configure(new, old.config).manifest_bytes == old.manifest_bytes


def test_annotations_are_labels_as_well(tmp_path: Path) -> None:
    with small_image.press(tmp_path) as press:
        old = small_image.make(press, [trees.file("a", "1")])
    new = edit.annotate(edit.annotate(old, {"a": "1", "b": "1"}), {"b": "2"})
    assert new.manifest.annotations == {"a": "1", "b": "2"}
    assert new.config.labels == {"a": "1", "b": "2"}
    assert validate.check(new) == ()


def test_changes_keep_annotations(tmp_path: Path) -> None:
    with small_image.press(tmp_path) as press:
        old = edit.annotate(small_image.make(press, [trees.file("a", "1")]), {"a": "1"})
        layer, _ = small_image.make_layer(press, [trees.file("b", "2")])
    assert edit.append(old, layer, History("x")).manifest.annotations == {"a": "1"}
    assert edit.configure(old, old.config).manifest_bytes == old.manifest_bytes
