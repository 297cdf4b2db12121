"""Which mirror is asked: the user's, else those of apt, else the snapshot archive."""

from pathlib import Path

import pytest

from nosh.sources import aptconf, mirrors
from nosh.sources.aptconf import Line
from nosh.sources.mirrors import Mirror

NOW = 1_750_000_000
SNAPSHOT = "https://snapshot.debian.org/archive"


@pytest.mark.parametrize(
    ("address", "main", "security", "time"),
    [
        ("http://m.test/debian", "http://m.test/debian", "http://m.test/debian-security", 0),
        ("http://m.test/debian/", "http://m.test/debian", "http://m.test/debian-security", 0),
        ("file:/srv/debian", "file:/srv/debian", "file:/srv/debian-security", 0),
        ("http://m.test/mirror/deb", "http://m.test/mirror/deb", "http://m.test/mirror/deb-security", 0),
        ("http://me:x@m.test/debian", "http://me:x@m.test/debian", "http://me:x@m.test/debian-security", 0),
        (
            "http://m.test/archive/debian/20250615T150640Z/",
            "http://m.test/archive/debian/20250615T150640Z",
            "http://m.test/archive/debian-security/20250615T150640Z",
            NOW,
        ),
    ],
)
def test_a_mirror_the_user_names(address: str, main: str, security: str, time: int) -> None:
    assert mirrors.named(address, "--mirror") == Mirror(main, security, time, "--mirror")


def test_each_archive_has_its_address() -> None:
    mirror = mirrors.named("http://m.test/debian", "")
    assert mirror.archive("debian") == "http://m.test/debian"
    assert mirror.archive("debian-security") == "http://m.test/debian-security"


ONE_LINE: dict[str, tuple[str, list[Line]]] = {
    "nothing": ("", []),
    "one": ("deb http://m.test/debian trixie main", [Line("http://m.test/debian", "trixie", ("main",))]),
    "several components": (
        "deb http://m.test/debian trixie main contrib",
        [Line("http://m.test/debian", "trixie", ("main", "contrib"))],
    ),
    "tabs and spaces": (
        " deb\thttp://m.test/debian\ttrixie \t main ",
        [Line("http://m.test/debian", "trixie", ("main",))],
    ),
    "options": (
        "deb [ arch=amd64 signed-by=/k.gpg ] http://m.test/debian trixie main",
        [Line("http://m.test/debian", "trixie", ("main",), "/k.gpg")],
    ),
    "a comment at the end": (
        "deb http://m.test/debian trixie main # as ever",
        [Line("http://m.test/debian", "trixie", ("main",))],
    ),
    "a flat repository": ("deb http://m.test/flat ./", [Line("http://m.test/flat", "./", ())]),
    "comments and sources": ("# deb http://a b c\n#deb http://a b c\ndeb-src http://a b c\n\n", []),
    "no suite": ("deb http://m.test/debian", []),
    "nonsense": ("deb\ndebian\nx y z\ndeb [", []),
}


@pytest.mark.parametrize("summary", ONE_LINE)
def test_sources_on_one_line(summary: str) -> None:
    text, expected = ONE_LINE[summary]
    assert list(aptconf.one_line_style(text)) == expected


DEB822: dict[str, tuple[str, list[Line]]] = {
    "nothing": ("", []),
    "as Debian ships it": (
        """\
Types: deb
# http://other.test/debian
URIs: http://m.test/debian
Suites: trixie trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
""",
        [
            Line("http://m.test/debian", suite, ("main",), "/usr/share/keyrings/debian-archive-keyring.gpg")
            for suite in ("trixie", "trixie-updates")
        ],
    ),
    "several addresses": (
        "Types: deb deb-src\nURIs: http://a.test\n http://b.test\nSuites: trixie\nComponents: main contrib\n",
        [Line(uri, "trixie", ("main", "contrib")) for uri in ("http://a.test", "http://b.test")],
    ),
    "a key in it": (
        "types: deb\nuris: http://a.test\nsuites: x\ncomponents: main\nsigned-by:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n x\n",
        [Line("http://a.test", "x", ("main",), "-----BEGIN PGP PUBLIC KEY BLOCK-----\n.\nx")],
    ),
    "switched off": ("Types: deb\nURIs: http://a.test\nSuites: x\nComponents: main\nEnabled: no\n", []),
    "sources only": ("Types: deb-src\nURIs: http://a.test\nSuites: x\nComponents: main\n", []),
    "one of two": (
        "Types: deb-src\nURIs: http://a.test\nSuites: x\n\n\nTypes: deb\nURIs: http://b.test\nSuites: x\n",
        [Line("http://b.test", "x", ())],
    ),
    "damaged": ("Types: deb\nno colon\n", []),
}


@pytest.mark.parametrize("summary", DEB822)
def test_sources_in_paragraphs(summary: str) -> None:
    text, expected = DEB822[summary]
    assert list(aptconf.deb822_style(text)) == expected


def line(uri: str, suite: str, components: str = "main", signed_by: str = "") -> Line:
    return Line(uri, suite, tuple(components.split()), signed_by)


MAIN = line("http://m.test/debian", "trixie")
SECURITY = line("http://s.test/debian-security/", "trixie-security")
CANDIDATES: dict[str, tuple[list[Line], list[tuple[str, str]]]] = {
    "a mirror with its sibling": ([MAIN], [("http://m.test/debian", "http://m.test/debian-security")]),
    "a mirror and one for security": ([MAIN, SECURITY], [("http://m.test/debian", "http://s.test/debian-security")]),
    "security comes first": ([SECURITY, MAIN], [("http://m.test/debian", "http://s.test/debian-security")]),
    "security of an old release": (
        [MAIN, line("http://s.test/debian-security", "buster/updates"), line("http://t.test/sec", "bullseye-security")],
        [("http://m.test/debian", "http://t.test/sec")],
    ),
    "several suites of one mirror": (
        [MAIN, line("http://m.test/debian", "trixie-updates"), line("http://m.test/debian/", "bookworm")],
        [("http://m.test/debian", "http://m.test/debian-security")],
    ),
    "two mirrors": (
        [MAIN, line("file:/srv/debian", "stable")],
        [
            ("http://m.test/debian", "http://m.test/debian-security"),
            ("file:/srv/debian", "file:/srv/debian-security"),
        ],
    ),
    "Debian's key": (
        [line("http://m.test/debian", "trixie", "main", "/usr/share/keyrings/debian-archive-keyring.gpg")],
        [("http://m.test/debian", "http://m.test/debian-security")],
    ),
    "a snapshot": (
        [line("http://m.test/archive/debian/20250615T150640Z", "trixie")],
        [("http://m.test/archive/debian/20250615T150640Z", "http://m.test/archive/debian-security/20250615T150640Z")],
    ),
}
THIRD_PARTIES: dict[str, Line] = {
    "another key": line("https://m.test/x", "trixie", "main", "/etc/apt/keyrings/docker.gpg"),
    "another component": line("https://m.test/x", "trixie", "stable"),
    "another suite": line("https://m.test/x", "nodistro"),
    "a suite that only begins so": line("https://m.test/x", "trixie-pgdg"),
    "updates only": line("https://m.test/x", "trixie-updates"),
    "backports": line("https://m.test/x", "trixie-backports"),
    "a flat repository": line("https://m.test/x", "./", ""),
    "a disk": line("cdrom:[Debian]/", "trixie"),
    "an unknown protocol": line("tor+http://m.test/debian", "trixie"),
}


@pytest.mark.parametrize("summary", CANDIDATES)
def test_mirrors_of_apt(summary: str) -> None:
    lines, expected = CANDIDATES[summary]
    found = mirrors.candidates([*THIRD_PARTIES.values(), *lines], now=NOW)
    assert [(mirror.main, mirror.security) for mirror in found] == expected
    assert {mirror.said_by for mirror in found} == {"the machine's apt sources"}
    assert [mirror.time for mirror in found] == [NOW if summary == "a snapshot" else 0] * len(found)


@pytest.mark.parametrize("summary", THIRD_PARTIES)
def test_entries_of_third_parties_are_no_mirrors(summary: str) -> None:
    (found,) = mirrors.candidates([THIRD_PARTIES[summary]], now=NOW)
    assert found.said_by == "the default (snapshot archive)"


def test_without_apt_the_snapshot_archive_is_asked_at_a_time_that_changes_four_times_a_day() -> None:
    found = {mirrors.candidates([], now=NOW + hours * 3600) for hours in range(24)}
    assert len(found) == 5
    (first,) = min(found, key=lambda them: them[0].time)
    assert first == Mirror(
        f"{SNAPSHOT}/debian/20250615T120000Z",
        f"{SNAPSHOT}/debian-security/20250615T120000Z",
        1_749_988_800,
        "the default (snapshot archive)",
    )
    assert mirrors.named(first.main, first.said_by) == first


def test_an_apt_folder_is_read_in_apt_s_order(tmp_path: Path) -> None:
    assert aptconf.sources(tmp_path) == ()
    (tmp_path / "sources.list").write_text("deb http://1.test trixie main\n")
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (folder / "b.list").write_text("deb http://3.test trixie main\n")
    (folder / "a.sources").write_text("Types: deb\nURIs: http://2.test\nSuites: trixie\nComponents: main\n")
    (folder / "c.list.save").write_text("deb http://no.test trixie main\n")
    (folder / "d.list").mkdir()
    (folder / "e.list").write_bytes(b"\xff\xfe\n")
    assert [line.uri for line in aptconf.sources(tmp_path)] == ["http://1.test", "http://2.test", "http://3.test"]
