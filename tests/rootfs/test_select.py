"""Which files of a package an image takes, and under which path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators import trees
from tests.simulators.trees import Member, file, folder, hardlink, symlink

from nosh.rootfs.select import Rules, selector
from nosh.values.entry import Entry, Kind


def chosen(rules: Rules, *members: Member) -> list[str]:
    choose = selector(rules)
    return [entry.path for entry in (choose(entry) for entry, _ in members) if entry]


PATHS = (
    "etc/x.conf",
    "usr/bin/x",
    "usr/share/doc/x/copyright",
    "usr/share/doc/x/changelog.gz",
    "usr/share/doc/x/examples/a b",
    "usr/share/man/man1/x.1",
)


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        pytest.param(Rules(), PATHS, id="nothing is cut unless it is said"),
        pytest.param(Rules(cut=("etc/*",)), PATHS[1:], id="a star"),
        pytest.param(Rules(cut=("usr/*",)), PATHS, id="a star stays inside a folder"),
        pytest.param(Rules(cut=("usr/**",)), PATHS[:1], id="two stars do not"),
        pytest.param(Rules(cut=("usr/share/**/x*",)), PATHS[:2] + PATHS[2:5], id="stars in the middle"),
        pytest.param(Rules(cut=("usr/share/doc/?/c*",)), PATHS[:2] + PATHS[4:], id="a question mark"),
        pytest.param(Rules(cut=("usr/share/doc/?x/c*",)), PATHS, id="a question mark is one character"),
        pytest.param(Rules(cut=("usr/bin",)), PATHS, id="a folder without what is in it"),
        pytest.param(Rules(cut=("usr/bin/x", "etc/x.conf")), PATHS[2:], id="two patterns"),
        pytest.param(Rules(cut=("etc/x?conf",)), PATHS[1:], id="a dot is what it is or any character"),
        pytest.param(Rules(cut=("etc/xXconf",)), PATHS, id="a dot in a path is no pattern"),
        pytest.param(Rules(cut=("etc/[x].conf", "etc/(x|y).conf", "etc/x.con+f")), PATHS, id="no regular expressions"),
        pytest.param(
            Rules(cut=("usr/share/doc/**",), keep=("**/copyright",)), PATHS[:3] + PATHS[5:], id="what is kept though"
        ),
        pytest.param(Rules(keep=("etc/*",)), PATHS, id="keeping without cutting"),
        pytest.param(Rules(only=("usr/bin/*", "etc/**")), PATHS[:2], id="nothing else"),
        pytest.param(Rules(only=("usr/share/**",), cut=("**/doc/**",)), PATHS[5:], id="nothing else, and less of it"),
        pytest.param(Rules(exclude=("usr/bin/x", "usr/share")), (PATHS[0], *PATHS[2:]), id="exact paths"),
        pytest.param(Rules(exclude=("usr/bin/*",)), PATHS, id="exact paths are no patterns"),
        pytest.param(Rules(exclude=("etc/x.conf",), keep=("etc/*",)), PATHS[1:], id="exact paths are not kept"),
    ],
)
def test_patterns(rules: Rules, left: tuple[str, ...]) -> None:
    assert chosen(rules, *map(file, PATHS)) == list(left)


def test_the_root_is_nobody_s() -> None:
    assert chosen(Rules(), folder(""), folder("a")) == ["a"]


@given(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=5))
def test_any_name_is_inside_its_folder(name: str) -> None:
    assert chosen(Rules(cut=("doc/**",)), file(f"doc/{name}")) == []
    assert chosen(Rules(cut=("doc/*",)), file(f"doc/{name}")) == []
    assert chosen(Rules(cut=("doc",)), file(f"doc{name}")) == [f"doc{name}"]


@given(st.text(max_size=6), st.text(alphabet="ab*?/.", max_size=6))
def test_a_path_without_stars_is_its_own_pattern(path: str, pattern: str) -> None:
    plain = path.replace("*", "").replace("?", "") or "x"
    assert chosen(Rules(only=(plain,)), file(plain)) == [plain]
    assert chosen(Rules(only=(pattern,)), file("x")) in (["x"], [])


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        pytest.param(file("bin/x"), {"/usr/bin/x": "file"}, id="a file"),
        pytest.param(file("lib/x86_64-linux-gnu/y"), {"/usr/lib/x86_64-linux-gnu/y": "file"}, id="a file further in"),
        pytest.param(folder("lib/systemd"), {"/usr/lib/systemd": "folder"}, id="a folder"),
        pytest.param(folder("lib64"), {}, id="the folder itself"),
        pytest.param(symlink("lib64", "usr/lib64"), {"/lib64": "-> usr/lib64"}, id="the link that stands for it"),
        pytest.param(symlink("sbin/a", "../bin/b"), {"/usr/sbin/a": "-> ../bin/b"}, id="a link, as it is"),
        pytest.param(hardlink("bin/b", "bin/a"), {"/usr/bin/b": "same file as /usr/bin/a"}, id="another name"),
        pytest.param(hardlink("opt/b", "lib/a"), {"/opt/b": "same file as /usr/lib/a"}, id="another name outside"),
        pytest.param(file("usr/bin/x"), {"/usr/bin/x": "file"}, id="what is there already"),
        pytest.param(file("library/x"), {"/library/x": "file"}, id="a name that only begins like one"),
        pytest.param(file("opt/bin/x"), {"/opt/bin/x": "file"}, id="a folder of that name elsewhere"),
    ],
)
def test_usr_merge(member: Member, expected: dict[str, str]) -> None:
    """Debian policy §10.1.1: the links of the root into /usr are what base-files brings."""
    entry = selector(Rules(merged=True))(member[0])
    found = trees.of_members([(entry, member[1])]) if entry else {}
    assert {path: line if "/" in line else line.partition(" ")[0] for path, line in found.items()} == expected


def test_without_the_merge_paths_stay() -> None:
    assert chosen(Rules(), folder("bin"), file("bin/x"), hardlink("bin/y", "bin/x")) == ["bin", "bin/x", "bin/y"]


def test_rules_speak_of_paths_as_the_image_has_them() -> None:
    assert chosen(Rules(merged=True, cut=("usr/bin/*",)), file("bin/x"), file("lib/y")) == ["usr/lib/y"]
    assert chosen(Rules(merged=True, cut=("bin/*",)), file("bin/x")) == ["usr/bin/x"]


@pytest.mark.parametrize(("epoch", "time"), [(0, 1000), (999, 999), (1000, 1000), (2000, 1000)])
def test_no_time_is_later_than_the_epoch(epoch: int, time: int) -> None:
    chosen = selector(Rules(epoch=epoch))(Entry("a", Kind.FILE, 0o644, mtime=1000))
    assert chosen == Entry("a", Kind.FILE, 0o644, mtime=time)
