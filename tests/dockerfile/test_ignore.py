""".dockerignore as Docker documents it (docs.docker.com, build context, .dockerignore files)."""

import pytest

from nosh.dockerfile import ignore
from nosh.values.errors import InputError

BOM = "\ufeff"


@pytest.mark.parametrize(
    ("text", "left_out", "kept"),
    [
        pytest.param("", [], ["a", "a/b"], id="without a pattern nothing is left out"),
        pytest.param("a", ["a", "a/b", "a/b/c"], ["b/a", "ab", "b"], id="a name is relative to the root"),
        pytest.param("a/b", ["a/b", "a/b/c"], ["a", "b", "a/c", "x/a/b"], id="a path"),
        pytest.param("*/temp*", ["d/temporary.txt", "d/temp"], ["temp", "d/e/temp"], id="one folder down"),
        pytest.param("*/*/temp*", ["d/sub/temporary.txt"], ["d/temp", "temp"], id="two folders down"),
        pytest.param("temp?", ["tempa", "tempb"], ["temp", "tempab", "temp/"], id="a question mark is one character"),
        pytest.param("a?b", ["axb"], ["ab", "a/b"], id="a question mark is no slash"),
        pytest.param("a*b", ["ab", "axyb"], ["a/b", "ax/yb"], id="a star is no slash"),
        pytest.param("**/*.go", ["a.go", "d/a.go", "d/e/a.go"], ["a.gox", "d/a.py"], id="any folders, also none"),
        pytest.param("**/foo/bar", ["foo/bar", "d/foo/bar", "d/e/foo/bar"], ["foo", "xfoo/bar"], id="a path anywhere"),
        pytest.param("a/**/b", ["a/b", "a/x/b", "a/x/y/b", "a/b/c"], ["ab", "a/xb", "b"], id="folders in the middle"),
        pytest.param("a/**", ["a/b", "a/b/c"], ["a", "ab"], id="everything in a folder, not the folder"),
        pytest.param("**", ["a", "a/b", ".c"], [], id="everything"),
        pytest.param("**/", ["a", "a/b"], [], id="everything, with a slash"),
        pytest.param("**/**", ["a", "a/b"], [], id="everything, twice"),
        pytest.param("**/**/*.txt", ["a.txt", "d/a.txt", "d/e/a.txt"], ["a.txt2"], id="two wildcards for folders"),
        pytest.param("**file", ["file", "dir/file", "dir/dir/file"], ["files"], id="a name that ends so"),
        pytest.param("a**/*.txt", ["a/f.txt", "a/d/f.txt", "ab/f.txt"], ["b/f.txt"], id="folders that begin so"),
        pytest.param("a**b", ["ab", "a/b", "ax/y/b"], ["axb"], id="two stars stand for whole folders"),
        pytest.param("*", ["a", "a/b", ".c"], [], id="a star takes folders with what is in them"),
        pytest.param("a[b-d]e", ["abe", "ace"], ["ae", "aae", "a[b-d]e"], id="a range of characters"),
        pytest.param("a[^b-d]e", ["aze"], ["abe"], id="all but a range of characters"),
        pytest.param("a[xyz]", ["ax", "az"], ["aa", "a"], id="a class of characters"),
        pytest.param("a[!x]", ["a!", "ax"], ["ay"], id="an exclamation mark in a class is itself"),
        pytest.param("[[]x", ["[x"], ["x"], id="a bracket in a class is itself"),
        pytest.param("[\\]\\d]x", ["]x", "dx"], ["1x", "\\x"], id="escapes in a class"),
        pytest.param("[--/]x", ["-x", ".x"], ["ax"], id="a range that begins with a dash"),
        pytest.param("[a&&b||c~~d]x", ["&x", "bx", "~x"], ["ex"], id="what only Python knows of classes is nothing"),
        pytest.param("a[b", ["a[b"], ["ab"], id="a bracket without end is itself"),
        pytest.param("a\\*b", ["a*b"], ["axb"], id="an escaped star"),
        pytest.param("a\\", ["a\\"], ["a"], id="a backslash at the end"),
        pytest.param("abc.def", ["abc.def"], ["abcZdef"], id="a dot is a dot"),
        pytest.param("a.|)$(}+{bc", ["a.|)$(}+{bc"], ["a"], id="signs that mean nothing"),
        pytest.param(".*", [".foo", ".d/e"], ["foo"], id="hidden files"),
        pytest.param("ä b", ["ä b", "ä b/c"], ["ä"], id="other letters, and spaces"),
        pytest.param("# a\n#b\nc", ["c"], ["a", "b", "# a", "#b"], id="comments"),
        pytest.param(" #a", ["#a"], [], id="a comment begins at the first column"),
        pytest.param("\n\n  \t\na\n\n", ["a"], ["b", ""], id="empty lines"),
        pytest.param("  a  ", ["a"], [], id="space at both ends"),
        pytest.param("a\r\nb\r\n", ["a", "b"], [], id="line ends of Windows"),
        pytest.param("a\u2028b", ["a\u2028b"], ["a", "b"], id="only a line feed ends a line"),
        pytest.param(BOM + "a", ["a"], [], id="a byte order mark"),
        pytest.param(BOM + "# a\nb", ["b"], ["a"], id="a byte order mark before a comment"),
        pytest.param("a/", ["a", "a/b"], ["b/a"], id="a slash at the end"),
        pytest.param("/a", ["a", "a/b"], ["b/a"], id="a slash at the front is the root of the context"),
        pytest.param("./a//b/../c/.", ["a/c"], ["a/b", "a"], id="paths are cleaned"),
        pytest.param("../a", [], ["a", "../b"], id="nothing outside is meant"),
        pytest.param(".", [], ["a", "a/b"], id="a dot is ignored, as in Docker"),
        pytest.param("/", [], ["a"], id="a slash is ignored"),
        pytest.param("!", [], ["a"], id="an exclamation mark alone"),
        pytest.param("*.md\n!README.md", ["a.md"], ["README.md", "d/a.md"], id="an exception"),
        pytest.param("*.md\n! README.md", ["a.md"], ["README.md"], id="an exception with a space"),
        pytest.param(
            "*.md\n!README*.md\nREADME-secret.md",
            ["a.md", "README-secret.md"],
            ["README.md", "README-x.md"],
            id="the last that matches decides: out",
        ),
        pytest.param(
            "*.md\nREADME-secret.md\n!README*.md",
            ["a.md"],
            ["README.md", "README-secret.md"],
            id="the last that matches decides: in",
        ),
        pytest.param("a\n!a/b", ["a/c", "a"], ["a/b", "a/b/c"], id="a file is taken back out of a folder"),
        pytest.param("*\n!src", ["a", "lib/b"], ["src", "src/a/b"], id="a folder is taken back with what is in it"),
        pytest.param("*\n!**/*.js\na.js", ["b", "a.js"], ["d/b.js"], id="three rules"),
        pytest.param("!a", [], ["a", "b"], id="an exception from nothing"),
    ],
)
def test_rule(text: str, left_out: list[str], kept: list[str]) -> None:
    ignored = ignore.matcher(text)
    assert [path for path in left_out if not ignored(path)] == []
    assert [path for path in kept if ignored(path)] == []


def test_a_pattern_without_sense_is_an_error_and_no_crash() -> None:
    with pytest.raises(InputError, match=r"'x\[z-a\]' of .dockerignore: bad character range"):
        ignore.matcher("a\nx[z-a]")
