"""Packages are laid one over another: each path has one owner, and nobody writes through another's link."""

from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators import trees
from tests.simulators.trees import Member, file, folder, hardlink, piece, symlink

from nosh.rootfs import merge
from nosh.values.entry import Entry, Kind
from nosh.values.errors import ConflictError, InputError

Named = tuple[str, list[Member]]


def lay(*packages: Named, below: merge.Tree | None = None, replaces: tuple[str, ...] = ()) -> merge.Merged:
    return merge.lay(below or {}, [(owner, piece(*members)) for owner, members in packages], replaces=replaces)


def folders(merged: merge.Merged) -> dict[str, str]:
    return trees.of_members((entry, (b"",)) for entry in merged.directories)


def test_files_come_together_and_folders_are_there_once() -> None:
    merged = lay(
        ("a", [folder("usr"), folder("usr/bin"), file("usr/bin/a", "A", 0o755)]),
        ("b", [folder("usr"), folder("usr/lib"), file("usr/lib/b", "B"), symlink("lib", "usr/lib")]),
    )
    assert trees.of_tree(merged.tree) == {
        "/lib": "-> usr/lib",
        "/usr": "folder 0755",
        "/usr/bin": "folder 0755",
        "/usr/bin/a": f"file 0755 {trees.digest('A')}",
        "/usr/lib": "folder 0755",
        "/usr/lib/b": f"file 0644 {trees.digest('B')}",
    }
    assert list(folders(merged)) == ["/usr", "/usr/bin", "/usr/lib"]
    assert {path: place.owner for path, place in merged.tree.items() if "/" in path} == {
        "usr/bin": "a",
        "usr/bin/a": "a",
        "usr/lib": "b",
        "usr/lib/b": "b",
    }
    assert merged.duplicates == {}


def test_who_comes_first_decides_on_a_folder_s_mode_and_the_newest_time_is_kept() -> None:
    first, second = folder("srv", 0o1777, mtime=5), folder("srv", 0o700, mtime=9)
    merged = lay(("a", [first]), ("b", [second]))
    assert merged.directories == (replace(first[0], mtime=9),)
    assert merged.tree["srv"].owner == "a"
    merged = lay(("a", [second]), ("b", [first]))
    assert merged.directories == (second[0],)


def test_folders_that_nobody_names_are_made() -> None:
    merged = lay(("a", [file("x/y/z", "", mtime=7)]))
    assert merged.directories == (
        Entry("x", Kind.DIRECTORY, 0o755, mtime=7),
        Entry("x/y", Kind.DIRECTORY, 0o755, mtime=7),
    )


def test_a_layer_has_the_folders_above_its_files_as_they_are_below() -> None:
    below = lay(("a", [folder("x", 0o700), folder("x/y", 0o750), folder("other")])).tree
    merged = lay(("b", [file("x/y/z", "new")]), below=below)
    assert folders(merged) == {"/x": "folder 0700", "/x/y": "folder 0750"}
    assert "other" in merged.tree


def test_what_was_below_is_as_it_was() -> None:
    below = lay(("a", [file("x", "")])).tree
    before = dict(below)
    lay(("b", [file("y", ""), folder("z")]), below=below)
    assert below == before


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(file("etc/x", "same"), file("etc/x", "same"), id="a file"),
        pytest.param(file("etc/x", "same", mtime=5), file("etc/x", "same"), id="a file of another time"),
        pytest.param(symlink("etc/x", "y"), symlink("etc/x", "y"), id="a link"),
        pytest.param(hardlink("etc/x", "etc"), hardlink("etc/x", "etc"), id="another name of a file"),
    ],
)
def test_what_two_bring_alike_stays_with_the_first(one: Member, other: Member) -> None:
    merged = lay(("a", [one]), ("b", [other, file("etc/y", "")]))
    assert merged.duplicates == {"b": ("etc/x",)}
    assert merged.tree["etc/x"] == merge.Place("a", trees.node(one))


def test_what_is_below_already_is_a_duplicate() -> None:
    below = lay(("a", [file("x", "same")])).tree
    assert lay(("b", [file("x", "same")]), below=below).duplicates == {"b": ("x",)}
    assert lay(("a", [file("x", "same")]), below=below).duplicates == {"a": ("x",)}


def test_what_one_brings_twice_is_no_duplicate_of_another() -> None:
    merged = lay(("a", [file("x", "same"), file("x", "same")]))
    assert merged.duplicates == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(file("etc/x", "1"), file("etc/x", "2"), id="other contents"),
        pytest.param(file("etc/x", "1"), file("etc/x", "1", 0o755), id="another mode"),
        pytest.param(symlink("etc/x", "1"), symlink("etc/x", "2"), id="another target"),
        pytest.param(file("etc/x", ""), symlink("etc/x", "1"), id="a link for a file"),
        pytest.param(symlink("etc/x", "1"), hardlink("etc/x", "etc"), id="a hard link for a link"),
        pytest.param(file("etc/x", ""), folder("etc/x"), id="a folder for a file"),
        pytest.param(symlink("etc/x", "/tmp"), folder("etc/x"), id="a folder for a link"),
        pytest.param(folder("etc/x"), file("etc/x", ""), id="a file for a folder"),
        pytest.param(folder("etc/x"), symlink("etc/x", "y"), id="a link for a folder"),
    ],
)
def test_conflicts_name_both_owners_and_the_path(one: Member, other: Member) -> None:
    with pytest.raises(ConflictError, match="cannot put first and second into one image: both bring /etc/x,") as caught:
        lay(("first", [one]), ("second", [other]))
    assert "cut" in caught.value.hint
    below = lay(("first", [one])).tree
    with pytest.raises(ConflictError, match="first and second"):
        lay(("second", [other]), below=below)


@pytest.mark.parametrize(
    "through",
    [
        pytest.param(file("a/b/c", ""), id="a file"),
        pytest.param(folder("a/b/c"), id="a folder"),
        pytest.param(symlink("a/b", "c"), id="a link"),
        pytest.param(hardlink("a/b", "a"), id="another name"),
    ],
)
@pytest.mark.parametrize("link", [symlink("a", "/etc"), symlink("a", ".."), file("a", "")])
def test_nobody_writes_through_what_is_no_folder(through: Member, link: Member) -> None:
    with pytest.raises(ConflictError, match=r"second brings /a/b.*, but /a is no folder in first"):
        lay(("first", [link]), ("second", [through]))
    with pytest.raises(ConflictError, match="/a"):
        lay(("second", [through]), ("first", [link]))


def test_another_name_needs_its_file() -> None:
    with pytest.raises(
        InputError, match="cannot take /b of one: it is another name of /a, which is left out"
    ) as caught:
        lay(("one", [hardlink("b", "a")]))
    assert "cut" in caught.value.hint
    below = lay(("zero", [file("a")])).tree
    assert trees.of_tree(lay(("one", [hardlink("b", "a")]), below=below).tree)["/b"] == "same file as /a"
    assert lay(("one", [hardlink("b", "a"), file("a")])).duplicates == {}


def test_generated_files_may_replace() -> None:
    below = lay(("package", [file("etc/x", "old"), symlink("etc/y", "old")])).tree
    merged = lay(
        ("other", [file("etc/z", "old")]),
        ("recipe", [file("etc/x", "new"), file("etc/y", "new"), file("etc/z", "new")]),
        below=below,
        replaces=("recipe",),
    )
    assert {path: place.owner for path, place in merged.tree.items()} == {
        "etc": "package",
        "etc/x": "recipe",
        "etc/y": "recipe",
        "etc/z": "recipe",
    }
    assert merged.duplicates == {}


def test_generated_files_do_not_replace_folders() -> None:
    with pytest.raises(ConflictError, match="both bring /etc"):
        lay(("package", [folder("etc"), file("etc/x", "")]), ("recipe", [symlink("etc", "/x")]), replaces=("recipe",))


_names = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
_member = st.one_of(
    _names.map(file),
    _names.map(folder),
    st.builds(file, _names, st.sampled_from("xy")),
    st.builds(symlink, _names, _names),
)
_packages = st.lists(st.lists(_member, max_size=4), max_size=4)


@given(_packages)
def test_whatever_comes_a_tree_is_one_or_there_is_none(packages: list[list[Member]]) -> None:
    named: list[Named] = [(str(number), list(members)) for number, members in enumerate(packages)]
    try:
        merged = lay(*named)
    except ConflictError:
        return
    above = [str(parent) for path in merged.tree for parent in PurePosixPath(path).parents if parent.name]
    assert {merged.tree[path].node.entry.kind for path in above} <= {Kind.DIRECTORY}
    written = [entry.path for entry in merged.directories]
    assert written == sorted(set(written))
    assert all(merged.tree[entry.path].node.entry == entry for entry in merged.directories)
    again = lay(*named, below=merged.tree)
    assert trees.of_tree(again.tree) == trees.of_tree(merged.tree)
