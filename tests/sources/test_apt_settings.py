"""Settings of apt (apt.conf(5)): scopes, lists, comments, and which file wins."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nosh.sources import aptconf

PROXY = {"acquire::http::proxy": "http://p.test:3128"}

TEXTS: dict[str, tuple[str, dict[str, str]]] = {
    "nothing": ("", {}),
    "one line": ('Acquire::http::Proxy "http://p.test:3128";', PROXY),
    "without quotes": ("Acquire::http::Proxy http://p.test:3128;", PROXY),
    "any case": ('ACQUIRE::HTTP::PROXY "http://p.test:3128";', PROXY),
    "scopes": ('Acquire { http { Proxy "http://p.test:3128"; }; };', PROXY),
    "scopes on several lines": ('Acquire\n{\n  http\n  {\n    Proxy\n "http://p.test:3128";\n  }\n}\n', PROXY),
    "scopes and names": ('Acquire::http { Proxy "http://p.test:3128"; };', PROXY),
    "two of a scope": (
        'Acquire { http { Proxy "a"; Timeout "5"; }; https { Proxy "b"; }; }; Other "x";',
        {"acquire::http::proxy": "a", "acquire::http::timeout": "5", "acquire::https::proxy": "b", "other": "x"},
    ),
    "the last value": ('A "1";\nA "2";', {"a": "2"}),
    "an empty value": ('A "";', {"a": ""}),
    "a list": ('DPkg::Post-Invoke { "rm -f /x || true; :"; "b"; };\nA "1";', {"a": "1"}),
    "a list in the short form": ('APT::NeverAutoRemove:: "^linux-.*";', {"apt::neverautoremove::": "^linux-.*"}),
    "a line that does not end": ('A "1"', {}),
    "too many ends": ('}; };\nA "1";', {"a": "1"}),
    "comments": (
        '// Acquire::http::Proxy "no";\n# A "no";\n/* B "no";\n C "no"; */\nD "1"; // "2"\n',
        {"d": "1"},
    ),
    "signs of comments in values": ('A "http://x/*y*/#z";', {"a": "http://x/*y*/#z"}),
    "quotes in a value": (r'A "say \"x\"";', {"a": r"say \"x\""}),
}


@pytest.mark.parametrize("summary", TEXTS)
def test_what_a_file_sets(summary: str) -> None:
    text, expected = TEXTS[summary]
    assert aptconf.parse_settings(text) == expected


@given(st.text('ab"{};:/*#\n \\', max_size=40))
def test_any_text_sets_something_or_nothing(text: str) -> None:
    assert all(name == name.lower() for name in aptconf.parse_settings(text))


def test_files_are_read_in_apt_s_order(tmp_path: Path) -> None:
    assert aptconf.settings(tmp_path) == {}
    folder = tmp_path / "apt.conf.d"
    folder.mkdir()
    (folder / "01first").write_text('A "1"; B "1"; C "1";')
    (folder / "02second.conf").write_text('B "2"; C "2";')
    (folder / "03third.bak").write_text('A "no";')
    (tmp_path / "apt.conf").write_text('C "3";')
    assert aptconf.settings(tmp_path) == {"a": "1", "b": "2", "c": "3"}
