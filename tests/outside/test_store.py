"""The store: a name stands for whole contents or for nothing, whoever writes, however it ends."""

import errno
import multiprocessing
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nosh.outside import store
from nosh.outside.store import Store
from nosh.values import digest
from nosh.values.errors import StoreError, VerificationError

SOURCE = Path(__file__).parents[2] / "src"


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def name(data: bytes) -> str:
    return f"blobs/sha256/{digest.hex_of(digest.of(data))}"


def test_a_blob_is_found_by_its_digest(tmp_path: Path) -> None:
    one = Store(tmp_path)
    found = one.add(b"data")
    assert found == digest.of(b"data")
    assert files(tmp_path) == [name(b"data")]
    assert one.path(found) == tmp_path / name(b"data")
    with one.open(found) as file:
        assert file.read() == b"data"
    assert stat.S_IMODE(one.path(found).stat().st_mode) == 0o644
    assert (one.has(found), one.has(found, 4), one.has(found, 5)) == (True, True, False)
    assert not one.has(digest.of(b"other"))


def test_a_blob_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot read .*: no such file") as caught:
        Store(tmp_path).open(digest.of(b"none"))
    assert "verify --repair" in caught.value.hint


def test_a_blob_may_be_written_in_parts_and_twice(tmp_path: Path) -> None:
    one = Store(tmp_path)
    for _ in range(2):
        with one.write() as writer:
            for part in (b"ab", bytearray(b"c"), memoryview(b"de"), b""):
                writer.write(part)
            assert (writer.size, writer.digest()) == (5, digest.of(b"abcde"))
            assert writer.commit() == digest.of(b"abcde")
    assert files(tmp_path) == [name(b"abcde")]


def test_a_blob_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    with Store(tmp_path).write() as writer:
        writer.write(b"data")
        assert [path for path in files(tmp_path) if path.startswith("blobs")] == []
        writer.commit()
        assert files(tmp_path) == [name(b"data")]


def test_without_commit_nothing_remains(tmp_path: Path) -> None:
    with Store(tmp_path).write() as writer:
        writer.write(b"data")
    assert files(tmp_path) == []


def fail(one: Store) -> None:
    with one.write() as writer:
        writer.write(b"data")
        raise KeyboardInterrupt


def test_after_an_error_nothing_remains(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fail(Store(tmp_path))
    assert files(tmp_path) == []


def test_a_writer_may_begin_again(tmp_path: Path) -> None:
    with Store(tmp_path).write() as writer:
        writer.write(b"something longer")
        writer.restart()
        assert (writer.size, writer.digest()) == (0, digest.of(b""))
        writer.write(b"data")
        writer.commit()
    assert files(tmp_path) == [name(b"data")]
    assert (tmp_path / name(b"data")).read_bytes() == b"data"


def test_a_process_that_is_killed_leaves_no_blob(tmp_path: Path) -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from nosh.outside.store import Store"
    code += "\nwriter = Store(Path(sys.argv[2])).write(); writer.write(b'half'); print('here', flush=True); input()"
    argv = [sys.executable, "-c", code, str(SOURCE), str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"here\n"
        process.kill()
    assert [path.partition("-")[0] for path in files(tmp_path)] == ["tmp/blob"]


def test_a_record_is_kept_by_kind_and_key(tmp_path: Path) -> None:
    one = Store(tmp_path)
    assert one.recall("kind", "key") is None
    one.remember("kind", "key", record={"a": [1, "ü", None]})
    one.remember("kind", "../other key", record={"b": 2})
    assert one.recall("kind", "key") == {"a": [1, "ü", None]}
    assert one.recall("kind", "../other key") == {"b": 2}
    assert one.recall("other", "key") is None
    one.remember("kind", "key", record={"a": 2})
    assert one.recall("kind", "key") == {"a": 2}
    assert len(files(tmp_path)) == 2


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"a": ', id="cut short"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(b"[1]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(bytes(4096), id="zeros, as a power cut leaves them"),
    ],
)
def test_a_damaged_record_is_none(tmp_path: Path, data: bytes) -> None:
    one = Store(tmp_path)
    one.remember("kind", "key", record={"a": 1})
    (tmp_path / files(tmp_path)[0]).write_bytes(data)
    assert one.recall("kind", "key") is None
    one.remember("kind", "key", record={"a": 2})
    assert one.recall("kind", "key") == {"a": 2}


def test_a_store_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    one = Store(tmp_path / "file")
    with pytest.raises(StoreError, match="cannot write") as caught:
        one.add(b"data")
    assert "--store DIR" in caught.value.hint
    with pytest.raises(StoreError, match="cannot read"):
        one.recall("kind", "key")
    with pytest.raises(StoreError, match="cannot write"):
        one.remember("kind", "key", record={})
    with pytest.raises(StoreError, match="cannot lock"), one.lock("name"):
        pass
    with pytest.raises(StoreError, match="cannot write"), one.workspace():
        pass
    assert not one.has(digest.of(b"data"))


def test_a_workspace_is_empty_and_gone_afterwards(tmp_path: Path) -> None:
    with Store(tmp_path).workspace() as folder:
        assert list(folder.iterdir()) == []
        (folder / "a").write_text("")
    assert not folder.exists()
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "the quota is used up"),
        (errno.EROFS, "another folder with --store DIR"),
        (errno.ENOENT, "verify --repair"),
        (errno.EACCES, "a folder that you may write to"),
    ],
)
def test_the_system_s_errors_have_hints(tmp_path: Path, number: int, hint: str) -> None:
    with pytest.raises(StoreError) as caught, store.guard("read", tmp_path):
        raise OSError(number, os.strerror(number))
    reason = os.strerror(number)
    assert caught.value.message == f"cannot read {tmp_path}: {reason[:1].lower()}{reason[1:]}"
    assert hint in caught.value.hint


def test_what_is_missing_where_something_is_written_needs_no_repair(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught, store.guard("write", tmp_path):
        (tmp_path / "no/such").touch()
    assert caught.value.message == f"cannot write {tmp_path / 'no/such'}: no such file or directory"
    assert "repair" not in caught.value.hint


def test_errors_of_others_pass_the_guard() -> None:
    with pytest.raises(ValueError, match="x"), store.guard("read", Path("a")):
        raise ValueError("x")


def test_a_small_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder/file"
    for data, sync in ((b"one", True), (b"two", False)):
        store.replace(path, data, sync=sync)
        assert path.read_bytes() == data
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert files(tmp_path) == ["folder/file"]
    (tmp_path / "taken/x").mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot write"):
        store.replace(tmp_path / "taken", b"data")
    assert files(tmp_path) == ["folder/file"]


def test_a_new_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.tar"
    path.write_text("old")
    with store.new_file(path) as write:
        write(b"new")
        assert path.read_text() == "old"
        write(b"er")
    assert path.read_text() == "newer"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert files(tmp_path) == ["out.tar"]


def broken(path: Path) -> None:
    with store.new_file(path) as write:
        write(b"half")
        raise KeyboardInterrupt


def test_a_new_file_leaves_nothing_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        broken(tmp_path / "out.tar")
    assert files(tmp_path) == []
    with pytest.raises(StoreError, match="cannot write"), store.new_file(tmp_path / "no/such/out.tar"):
        pass
    (tmp_path / "taken").mkdir()
    with pytest.raises(StoreError, match="cannot write"), store.new_file(tmp_path / "taken") as write:
        write(b"data")
    assert files(tmp_path) == []


def test_what_was_read_back_is_checked() -> None:
    store.check(b"data", digest.of(b"data"))
    with pytest.raises(VerificationError, match="its contents have changed on disk") as caught:
        store.check(b"other", digest.of(b"data"))
    assert "verify --repair" in caught.value.hint


def test_a_second_name_for_a_blob(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b/c"
    source.write_text("data")
    assert store.link(source, target)
    assert target.samefile(source)
    assert store.link(source, target), "it is there already"
    target.unlink()
    target.write_text("something else")
    assert store.link(source, target)
    assert target.read_text() == "data"


def test_what_is_not_there_cannot_be_linked(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("kept")
    for target in ("target", "new"):
        assert not store.link(tmp_path / "none", tmp_path / target)
    assert files(tmp_path) == ["target"]


def _work(root: Path, rounds: int) -> None:
    one = Store(root)
    for _ in range(rounds):
        with one.lock("name"):
            count = one.recall("count", "") or {"n": 0}
            # Long enough for others to come between, were there no lock.
            time.sleep(0.002)
            one.remember("count", "", record={"n": int(str(count["n"])) + 1})


def test_one_process_at_a_time_holds_a_lock(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_work, args=(tmp_path, 20)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert Store(tmp_path).recall("count", "") == {"n": 40}


def test_locks_of_other_names_are_others(tmp_path: Path) -> None:
    one = Store(tmp_path)
    with one.lock("a"), one.lock("b"):
        pass
    with one.lock("a"):
        pass


def _same(root: Path, start: float) -> None:
    while time.time() < start:
        pass
    for number in range(50):
        Store(root).add(b"same" * number)


def test_processes_may_write_the_same_blob_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = time.time() + 0.5
    processes = [context.Process(target=_same, args=(tmp_path, start)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert set(files(tmp_path)) == {name(b"same" * number) for number in range(50)}
