"""Archives reach the disk whole or not at all, and only below their folder."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nosh.outside import extract
from nosh.outside.extract import Limits, Member
from nosh.values.entry import Entry, Kind
from nosh.values.errors import Error, FormatError, StoreError

ME = (os.geteuid(), os.getegid())


def file(path: str, text: str = "", mode: int = 0o644) -> Member:
    return Entry(path, Kind.FILE, mode, *ME, mtime=1_000_000, size=len(text)), (text.encode(),) if text else ()


def folder(path: str, mode: int = 0o755) -> Member:
    return Entry(path, Kind.DIRECTORY, mode, *ME, mtime=1_000_000), ()


def symlink(path: str, target: str) -> Member:
    return Entry(path, Kind.SYMLINK, 0o777, *ME, target=target), ()


def hardlink(path: str, target: str) -> Member:
    return Entry(path, Kind.HARDLINK, 0o644, *ME, target=target), ()


def tree(root: Path) -> dict[str, str]:
    """Return what is below a folder: path -> kind, mode, contents."""
    return {str(path.relative_to(root)): describe(path) for path in sorted(root.rglob("*"))}


def describe(path: Path) -> str:
    status = path.lstat()
    if path.is_symlink():
        return f"-> {path.readlink()}"
    mode = f"{stat.S_IMODE(status.st_mode):04o}"
    return f"folder {mode}" if path.is_dir() else f"file {mode} {path.read_text()}"


def test_everything_arrives_with_mode_and_time(tmp_path: Path) -> None:
    extract.extract(
        [
            folder("", 0o755),
            folder("closed", 0o555),
            file("closed/a", "one", 0o600),
            file("implicit/parent/b", "two", 0o755),
            hardlink("closed/again", "closed/a"),
            symlink("link", "../outside"),
            file("setuid", "x", 0o6755),
            folder("shared", 0o3777),
            file("big", "y" * 3_000_000),
        ],
        tmp_path / "new",
    )
    found = tree(tmp_path / "new")
    assert found.pop("big") == "file 0644 " + "y" * 3_000_000
    assert found == {
        "closed": "folder 0555",
        "closed/a": "file 0600 one",
        "closed/again": "file 0600 one",
        "implicit": "folder 0755",
        "implicit/parent": "folder 0755",
        "implicit/parent/b": "file 0755 two",
        "link": "-> ../outside",
        "setuid": "file 0755 x",
        "shared": "folder 1777",
    }
    new = tmp_path / "new"
    assert (new / "closed/a").stat().st_ino == (new / "closed/again").stat().st_ino
    assert [int((new / name).stat().st_mtime) for name in ("closed", "closed/a")] == [1_000_000, 1_000_000]
    assert stat.S_IMODE(new.stat().st_mode) == 0o755


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        extract.extract([folder("a"), file("b/c", "x")], tmp_path / "new")
    finally:
        os.umask(before)
    assert tree(tmp_path / "new") == {"a": "folder 0755", "b": "folder 0755", "b/c": "file 0644 x"}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_sets_owners(tmp_path: Path) -> None:
    entries = [replace(entry, uid=65532, gid=65531) for entry, _ in (folder("a"), file("a/b"), symlink("a/c", "b"))]
    extract.extract([(entry, ()) for entry in entries], tmp_path / "new")
    for name in ("a", "a/b", "a/c"):
        status = (tmp_path / "new" / name).lstat()
        assert (status.st_uid, status.st_gid) == (65532, 65531), name


HOSTILE: dict[str, list[Member]] = {
    "an absolute path": [file("/escaped", "x")],
    "a path that climbs out": [file("../escaped", "x")],
    "a path that climbs out later": [folder("a"), file("a/../../escaped", "x")],
    "a path with an empty part": [file("a//b", "x")],
    "a path with a dot": [file("./a", "x")],
    "a NUL byte": [file("a\0b", "x")],
    "a NUL byte in a link": [symlink("a", "b\0c")],
    "a link to nothing": [symlink("a", "")],
    "a file through a link": [symlink("a", ".."), file("a/escaped", "x")],
    "a file through an absolute link": [symlink("a", "/tmp"), file("a/escaped", "x")],
    "a folder through a link": [symlink("a", ".."), folder("a/escaped")],
    "a link through a link": [symlink("a", ".."), symlink("a/escaped", "x")],
    "a file through a link to a folder inside": [folder("b"), symlink("a", "b"), file("a/c", "x")],
    "a folder in place of a link": [symlink("a", ".."), folder("a"), file("a/escaped", "x")],
    "a file in place of a link": [symlink("a", "../escaped"), file("a", "x")],
    "a file in place of a folder with something in it": [file("a/b", "x"), file("a", "y")],
    "a hard link to something outside": [hardlink("a", "../outside")],
    "a hard link to an absolute path": [hardlink("a", "/etc/passwd")],
    "a hard link through a link": [symlink("a", ".."), hardlink("b", "a/outside")],
    "a hard link to a link": [symlink("a", "../outside"), hardlink("b", "a")],
    "a hard link to a folder": [folder("a"), hardlink("b", "a")],
    "a hard link to nothing": [hardlink("b", "a")],
    "a hard link to itself": [hardlink("a", "a")],
    "a file below a file": [file("a", "x"), file("a/b", "y")],
    "the same file with other contents": [file("a", "x"), file("a", "y")],
    "the same file, longer": [file("a", "x"), file("a", "xx")],
    "the same file, shorter": [file("a", "xx"), file("a", "x")],
    "the same link to somewhere else": [symlink("a", "x"), symlink("a", "y")],
    "the root as a file": [file("", "x")],
    "a bomb": [file(f"a{number}", "x" * 100) for number in range(11)],
    "a bomb of one file": [(Entry("a", Kind.FILE, 0o644, size=1), (b"x" * 600, b"x" * 600))],
    "too many entries": [file(f"a{number}") for number in range(60)],
    "too many folders in one another": [folder("/".join("a" * 30))],
}
SMALL = Limits(bytes=1000, entries=50, depth=20)


WAYS: dict[str, Callable[[list[Member], Path], None]] = {
    "extract": lambda members, new: extract.extract(members, new, limits=SMALL),
    "lay": lambda members, new: extract.lay([members], new, limits=SMALL),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("summary", HOSTILE)
def test_hostile_archives_leave_nothing(tmp_path: Path, summary: str, way: str) -> None:
    (tmp_path / "outside").write_text("kept")
    members = HOSTILE[summary]
    with pytest.raises(FormatError):
        WAYS[way](members, tmp_path / "new")
    assert tree(tmp_path) == {"outside": "file 0644 kept"}
    assert (tmp_path / "outside").stat().st_nlink == 1
    assert not Path("/tmp/escaped").exists()


def test_a_member_may_say_the_same_twice(tmp_path: Path) -> None:
    once = [folder("a"), file("a/b", "x"), symlink("c", "a"), hardlink("d", "a/b")]
    extract.extract([*once, *once], tmp_path / "new")
    assert tree(tmp_path / "new") == {
        "a": "folder 0755",
        "a/b": "file 0644 x",
        "c": "-> a",
        "d": "file 0644 x",
    }


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/kept").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("full", "empty", "link"):
        with pytest.raises(StoreError, match="there already"):
            extract.extract([file("a")], tmp_path / name)
    assert list(tree(tmp_path)) == ["empty", "full", "full/kept", "link"]


def test_a_source_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise FormatError("cannot read: damaged")

    members = [folder("a", 0o000), (Entry("a/b", Kind.FILE, 0o644, size=9), broken())]
    with pytest.raises(FormatError, match="damaged"):
        extract.extract(members, tmp_path / "new")
    assert tree(tmp_path) == {}


def test_removes_what_its_owner_may_not_enter(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir(mode=0o500)
    extract.extract(
        [folder("a", 0o000), folder("a/b", 0o000), file("a/b/c"), symlink("a/out", "../../kept")], tmp_path / "new"
    )
    extract.remove(tmp_path / "new")
    assert tree(tmp_path) == {"kept": "folder 0500"}


LAYERS: dict[str, tuple[list[list[Member]], dict[str, str]]] = {
    "a file replaces a file": (
        [[file("a", "old"), file("b", "kept")], [file("a", "new", 0o600)]],
        {"a": "file 0600 new", "b": "file 0644 kept"},
    ),
    "a file replaces a link, not what it leads to": (
        [[file("t", "kept"), symlink("a", "t")], [file("a", "new")]],
        {"a": "file 0644 new", "t": "file 0644 kept"},
    ),
    "a file replaces one name of a file, not the other": (
        [[file("a", "old"), hardlink("b", "a")], [file("a", "new")]],
        {"a": "file 0644 new", "b": "file 0644 old"},
    ),
    "a file replaces a folder": ([[file("a/b/c", "old")], [file("a", "new")]], {"a": "file 0644 new"}),
    "a folder replaces a file": (
        [[file("a", "old")], [folder("a"), file("a/b", "new")]],
        {"a": "folder 0755", "a/b": "file 0644 new"},
    ),
    "a folder replaces a link": (
        [[folder("t"), symlink("a", "t")], [folder("a"), file("a/b", "x")]],
        {"a": "folder 0755", "a/b": "file 0644 x", "t": "folder 0755"},
    ),
    "a folder changes the mode of a folder and keeps what is in it": (
        [[folder("a", 0o700), file("a/b", "kept")], [folder("a", 0o555)]],
        {"a": "folder 0555", "a/b": "file 0644 kept"},
    ),
    "a link replaces a folder": (
        [[file("a/b", "old"), folder("t")], [symlink("a", "t")]],
        {"a": "-> t", "t": "folder 0755"},
    ),
    "a hard link to a file of a lower layer": (
        [[file("a", "x")], [hardlink("b", "a")]],
        {"a": "file 0644 x", "b": "file 0644 x"},
    ),
    "a whiteout of a file": (
        [[file("d/a"), file("d/b")], [file("d/.wh.a")]],
        {"d": "folder 0755", "d/b": "file 0644 "},
    ),
    "a whiteout of a folder": ([[file("d/a/b")], [file("d/.wh.a")]], {"d": "folder 0755"}),
    "a whiteout of a link removes the link only": (
        [[file("t", "kept"), symlink("a", "t")], [file(".wh.a")]],
        {"t": "file 0644 kept"},
    ),
    "a whiteout of nothing": ([[file("a")], [file(".wh.b"), file("no/.wh.such")]], {"a": "file 0644 "}),
    "a whiteout spares what its own layer has": (
        [[file("a", "old")], [file("a", "new"), file(".wh.a")]],
        {"a": "file 0644 new"},
    ),
    "a whiteout before what its own layer has": (
        [[file("d/old")], [file(".wh.d"), file("d/new", "x")]],
        {"d": "folder 0755", "d/new": "file 0644 x"},
    ),
    "a whiteout of a folder after its own layer's part of it": (
        [[file("d/old"), file("d/e/old")], [file("d/e/new", "x"), file(".wh.d")]],
        {"d": "folder 0755", "d/e": "folder 0755", "d/e/new": "file 0644 x"},
    ),
    "an opaque folder": (
        [[file("d/a"), file("d/e/b"), file("c")], [folder("d", 0o700), file("d/.wh..wh..opq"), file("d/new", "x")]],
        {"c": "file 0644 ", "d": "folder 0700", "d/new": "file 0644 x"},
    ),
    "an opaque folder, said late": (
        [[file("d/a"), file("d/e/b")], [folder("d/e"), file("d/e/new", "x"), file("d/.wh..wh..opq")]],
        {"d": "folder 0755", "d/e": "folder 0755", "d/e/new": "file 0644 x"},
    ),
    "an opaque root": ([[file("a"), file("b/c")], [file(".wh..wh..opq"), file("d")]], {"d": "file 0644 "}),
    "what storage drivers left": ([[file("a")], [file(".wh..wh.aufs"), folder(".wh..wh.plnk")]], {"a": "file 0644 "}),
    "a folder that was closed below": (
        [[folder("a", 0o555), file("a/b")], [file("a/c")]],
        {"a": "folder 0555", "a/b": "file 0644 ", "a/c": "file 0644 "},
    ),
    "three layers": (
        [[file("a", "1")], [file(".wh.a")], [file("a/b", "3")]],
        {"a": "folder 0755", "a/b": "file 0644 3"},
    ),
}


@pytest.mark.parametrize("summary", LAYERS)
def test_layers(tmp_path: Path, summary: str) -> None:
    layers, expected = LAYERS[summary]
    extract.lay(layers, tmp_path / "new")
    assert tree(tmp_path / "new") == expected


HOSTILE_LAYERS: dict[str, list[list[Member]]] = {
    "a whiteout of the folder itself": [[file("d/a")], [file("d/.wh..")]],
    "a whiteout of the folder above": [[file("d/a")], [file("d/.wh...")]],
    "a whiteout of nothing": [[file("d/a")], [file("d/.wh.")]],
    "a whiteout through a link": [[symlink("d", "..")], [file("d/.wh.outside")]],
    "an opaque link": [[symlink("d", "..")], [file("d/.wh..wh..opq")]],
    "a file through a link of the layer below": [[symlink("d", "..")], [file("d/escaped")]],
    "a hard link through a link of the layer below": [[symlink("d", "..")], [hardlink("a", "d/outside")]],
}


@pytest.mark.parametrize("summary", HOSTILE_LAYERS)
def test_hostile_layers_leave_nothing(tmp_path: Path, summary: str) -> None:
    (tmp_path / "outside").write_text("kept")
    with pytest.raises(FormatError):
        extract.lay(HOSTILE_LAYERS[summary], tmp_path / "new")
    assert tree(tmp_path) == {"outside": "file 0644 kept"}


def test_an_archive_that_is_no_layer_has_no_whiteouts(tmp_path: Path) -> None:
    extract.extract([file("a", "x"), file(".wh.a", "y")], tmp_path / "new")
    assert tree(tmp_path / "new") == {".wh.a": "file 0644 y", "a": "file 0644 x"}


PARTS = st.sampled_from(["a", "b", "..", ".wh.a", ".wh..wh..opq", ".wh...", "/", ""])
MEMBERS = st.lists(
    st.builds(
        lambda kind, path, target: (
            Entry("/".join(path), kind, 0o644, *ME, target="/".join(target) if "link" in kind.value else ""),
            (),
        ),
        st.sampled_from(Kind),
        st.lists(PARTS, min_size=1, max_size=3),
        st.lists(PARTS, min_size=1, max_size=3),
    ),
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(layers=st.lists(MEMBERS, min_size=1, max_size=3))
def test_whatever_comes_nothing_outside_changes(
    tmp_path_factory: pytest.TempPathFactory, layers: Iterable[Iterable[Member]]
) -> None:
    top = tmp_path_factory.mktemp("top")
    (top / "a").mkdir()
    (top / "a/b").write_text("kept")
    (top / "b").write_text("kept")
    try:
        extract.lay(layers, top / "new")
    except Error:
        assert not (top / "new").exists()
    extract.remove(top / "new")
    assert tree(top) == {"a": "folder 0755", "a/b": "file 0644 kept", "b": "file 0644 kept"}
