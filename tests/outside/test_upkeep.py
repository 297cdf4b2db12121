"""Looking after the store: damage is found, what images need stays, what is shared is counted once."""

import os
import time
from pathlib import Path

import pytest

from nosh.outside import upkeep
from nosh.outside.store import Store, blob_path, link
from nosh.values import digest

DAY = 24 * 3600


def aged(path: Path) -> Path:
    then = time.time() - DAY
    os.utime(path, (then, then))
    return path


def blobs(root: Path) -> set[bytes]:
    return {path.read_bytes() for path in (root / "blobs/sha256").iterdir()}


def test_nothing_takes_no_room(tmp_path: Path) -> None:
    found = upkeep.usage(tmp_path / "cache", tmp_path / "images")
    assert found == {"images": 0, "blobs": 0, "indexes": 0, "records": 0, "other": 0}


def test_what_images_and_cache_share_is_counted_once(tmp_path: Path) -> None:
    cache, images = tmp_path / "cache", tmp_path / "images"
    one = Store(cache)
    shared, alone = one.add(b"s" * 1000), one.add(b"a" * 100)
    assert link(one.path(shared), blob_path(images, shared))
    one.remember("kind", "key", record={"a": 1})
    (cache / "indexes").mkdir()
    (cache / "indexes/x").write_bytes(b"i" * 7)
    (cache / "y").write_bytes(b"o" * 3)
    (cache / "link").symlink_to("nowhere")
    found = upkeep.usage(cache, images)
    assert found == {"images": 1000, "blobs": 100, "indexes": 7, "records": len('{"a":1}'), "other": 3 + len("nowhere")}
    assert one.has(alone)


@pytest.mark.parametrize("repair", [True, False])
def test_damaged_blobs_are_found_and_removed_on_demand(tmp_path: Path, *, repair: bool) -> None:
    roots = [tmp_path / "cache", tmp_path / "images"]
    damaged = []
    for root in roots:
        good, cut, changed = (Store(root).add(data) for data in (b"good", b"cut", b"changed"))
        for about, data in ((cut, b"cu"), (changed, b"chanted")):
            blob_path(root, about).write_bytes(data)
            damaged.append(str(blob_path(root, about)))
        stranger = root / "blobs/sha256/stranger"
        stranger.write_bytes(b"no digest's name")
        damaged.append(str(stranger))
        assert Store(root).has(good)
    assert sorted(upkeep.verify(roots, repair=repair)) == sorted(damaged)
    assert [path for path in damaged if Path(path).exists()] == ([] if repair else damaged)
    assert upkeep.verify(roots, repair=False) == (() if repair else tuple(sorted(damaged)))
    assert all(b"good" in blobs(root) for root in roots)


def test_a_sound_store_and_none_at_all_are_in_order(tmp_path: Path) -> None:
    Store(tmp_path).add(b"good")
    assert upkeep.verify([tmp_path, tmp_path / "none"], repair=True) == ()
    assert blobs(tmp_path) == {b"good"}


def test_prune_keeps_what_images_need_and_what_is_young(tmp_path: Path) -> None:
    cache, images = tmp_path / "cache", tmp_path / "images"
    one = Store(cache)
    needed, copied, old, young = (one.add(data) for data in (b"needed", b"copied", b"old", b"young"))
    assert link(one.path(needed), blob_path(images, needed))
    Store(images).add(b"copied")
    for about in (needed, copied, old):
        aged(one.path(about))
    assert upkeep.prune(cache, images) == len(b"old")
    assert blobs(cache) == {b"needed", b"copied", b"young"}
    assert blobs(images) == {b"needed", b"copied"}
    assert one.has(young)
    assert upkeep.prune(cache, images) == 0


def test_a_blob_that_has_another_name_frees_no_room(tmp_path: Path) -> None:
    one = Store(tmp_path / "cache")
    path = aged(one.path(one.add(b"data")))
    (tmp_path / "elsewhere").hardlink_to(path)
    assert upkeep.prune(tmp_path / "cache", tmp_path / "images") == 0
    assert blobs(tmp_path / "cache") == set()


def test_what_killed_processes_left_goes(tmp_path: Path) -> None:
    cache, images = tmp_path / "cache", tmp_path / "images"
    one = Store(cache)
    one.remember("kind", "key", record={"a": 1})
    record = next(path for path in (cache / "records").rglob("*") if path.is_file())
    left = [cache / "tmp/blob-1", images / "tmp/blob-2", images / ".new-3", record.parent / ".new-4"]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 10)
        aged(path)
    (cache / "tmp/place/deep").mkdir(parents=True)
    (cache / "tmp/place/deep/file").write_bytes(b"y" * 5)
    (cache / "tmp/place/link").symlink_to(record)
    aged(cache / "tmp/place")
    (cache / "tmp/blob-5").write_bytes(b"still at work")
    freed = upkeep.prune(cache, images)
    assert freed == 4 * 10 + 5 + len(str(record))
    assert [path for path in left if path.exists()] == []
    assert [path.name for path in (cache / "tmp").iterdir()] == ["blob-5"]
    assert one.recall("kind", "key") == {"a": 1}


def test_a_store_that_is_not_there_is_pruned_in_no_time(tmp_path: Path) -> None:
    assert upkeep.prune(tmp_path / "cache", tmp_path / "images") == 0
    assert list(tmp_path.iterdir()) == []


def test_pruned_blobs_are_only_the_store_s_own(tmp_path: Path) -> None:
    one = Store(tmp_path / "cache")
    kept = aged(tmp_path / "kept") if (tmp_path / "kept").write_bytes(b"x") else tmp_path
    (tmp_path / "cache/tmp").mkdir(parents=True)
    (tmp_path / "cache/tmp/link").symlink_to(kept)
    os.utime(tmp_path / "cache/tmp/link", (0, 0), follow_symlinks=False)
    upkeep.prune(one.root, tmp_path / "images")
    assert kept.read_bytes() == b"x"
    assert list((tmp_path / "cache/tmp").iterdir()) == []
    assert not one.has(digest.of(b"x"))
