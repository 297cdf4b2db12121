"""Settings: where they are looked for, what is wrong with them, and what goes over what."""

import argparse
from pathlib import Path

import pytest

from nosh.cli import context
from nosh.cli.context import Context, Settings
from nosh.values.errors import InputError, UsageError

SOURCING = {"mirror": None, "keyring": None, "refresh": False, "offline": False, "insecure": False}


def made(environment: dict[str, str], **options: object) -> Context:
    usual: dict[str, object] = {"store": None, "config": None, "format": "text", "verbose": False, **SOURCING}
    return Context(argparse.Namespace(**{**usual, **options}), environment)


def test_every_setting_arrives(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text('mirror = "https://mirror.example/debian"\nkeyring = "keys.gpg"\nproxy = "http://proxy:3128"\n')
    expected = Settings("https://mirror.example/debian", "keys.gpg", "http://proxy:3128")
    assert made({}, config=str(file)).settings == expected
    assert made({"NOSH_CONFIG": str(file)}).settings == expected


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        pytest.param({"XDG_CONFIG_HOME": "{tmp}/x", "HOME": "{tmp}/h"}, "x/nosh/config.toml", id="the folder of settings"),
        pytest.param({"HOME": "{tmp}/h"}, "h/.config/nosh/config.toml", id="the home folder"),
        pytest.param({"XDG_CONFIG_HOME": "", "HOME": "{tmp}/h"}, "h/.config/nosh/config.toml", id="an empty variable"),
    ],
)  # fmt: skip
def test_settings_are_found(tmp_path: Path, variables: dict[str, str], place: str) -> None:
    environment = {name: value.format(tmp=tmp_path) for name, value in variables.items()}
    assert made(environment).settings == Settings()
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text('proxy = "p"')
    assert made(environment).settings == Settings(proxy="p")


def test_an_option_goes_over_a_variable(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(f'proxy = "{name}"')
    assert made({"NOSH_CONFIG": str(tmp_path / "a")}, config=str(tmp_path / "b")).settings.proxy == "b"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("miror = ''\n", ["1:1: unknown key miror (did you mean mirror?)"]),
        ("mirror = 1\n\nproxy = []\n", ["1:1: mirror has to be a string", "3:1: proxy has to be a string"]),
        ("[http]\nproxy = 'a'\n", ["1:1: unknown key http"]),
        ("mirror\n", ["1:7: Expected '=' after a key in a key/value pair"]),
    ],
)
def test_mistakes_in_settings(tmp_path: Path, text: str, messages: list[str]) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        _ = made({}, config=str(file)).settings
    assert caught.value.message.splitlines() == [f"{file}:{message}" for message in messages]


def test_settings_that_are_asked_for_have_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read settings .*none\.toml"):
        _ = made({"NOSH_CONFIG": str(tmp_path / "none.toml")}).settings
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(InputError, match="cannot read settings"):
        _ = made({}, config=str(tmp_path / "bytes")).settings


@pytest.mark.parametrize(
    ("environment", "option", "folders"),
    [
        pytest.param(
            {"HOME": "/h"}, None, ("/h/.cache/nosh", "/h/.local/share/nosh/images", "/h/.local/state/nosh/state"), id="home"
        ),
        pytest.param(
            {"HOME": "/h", "XDG_CACHE_HOME": "/c", "XDG_DATA_HOME": "/d", "XDG_STATE_HOME": "/s"}, None,
            ("/c/nosh", "/d/nosh/images", "/s/nosh/state"), id="folders of the desktop's standard",
        ),
        pytest.param({"NOSH_STORE": "/n"}, None, ("/n/cache", "/n/images", "/n/state"), id="a variable"),
        pytest.param({"NOSH_STORE": "/n"}, "/o", ("/o/cache", "/o/images", "/o/state"), id="an option"),
    ],
)  # fmt: skip
def test_where_things_are_kept(environment: dict[str, str], option: str | None, folders: tuple[str, ...]) -> None:
    found = made(environment, store=option)
    assert (str(found.store.root), str(found.images), str(found.state)) == folders


def test_a_store_of_one_s_own_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert made({}, store="s").store.root == tmp_path / "s" / "cache"


@pytest.mark.parametrize("epoch", ["today", "-1", "1.5", "²", " 1"])
def test_an_epoch_that_is_no_count_of_seconds(epoch: str) -> None:
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH") as caught:
        made({"SOURCE_DATE_EPOCH": epoch})._epoch()
    assert "date +%s" in caught.value.hint


@pytest.mark.parametrize(("epoch", "seconds"), [("", 0), ("0", 0), ("1600000000", 1_600_000_000)])
def test_an_epoch(epoch: str, seconds: int) -> None:
    assert made({"SOURCE_DATE_EPOCH": epoch})._epoch() == seconds


@pytest.mark.parametrize(
    ("option", "variable", "setting", "said_by"),
    [
        ("https://a.example/debian", "https://b.example/debian", "https://c.example/debian", "--mirror"),
        (None, "https://b.example/debian", "https://c.example/debian", "NOSH_MIRROR"),
        (None, "", "https://c.example/debian", "config.toml"),
    ],
)
def test_which_mirror_goes_first(tmp_path: Path, option: str | None, variable: str, setting: str, said_by: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(f'mirror = "{setting}"')
    (found,) = made({"NOSH_MIRROR": variable}, mirror=option, config=str(file))._mirrors()
    assert found.said_by == said_by


@pytest.mark.parametrize("address", ["mirror.example", "ftp://mirror.example/debian", "/srv/mirror"])
def test_a_mirror_that_cannot_be_asked(address: str) -> None:
    with pytest.raises(UsageError, match=r"cannot use mirror .* \(NOSH_MIRROR\)"):
        made({"NOSH_MIRROR": address, "HOME": "/none"})._mirrors()


def test_a_key_ring(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"\x99")
    assert made({"HOME": "/none"}, keyring=str(tmp_path / "keys"))._keyring() == b"\x99"
    assert made({"HOME": "/none"})._keyring() == b""
    with pytest.raises(InputError, match="cannot read key ring"):
        made({}, keyring=str(tmp_path / "none"))._keyring()


@pytest.mark.parametrize(("text", "pair"), [("A=1", ("A", "1")), ("A=", ("A", "")), ("A=b=c", ("A", "b=c"))])
def test_a_pair(text: str, pair: tuple[str, str]) -> None:
    assert context.pair(text, "--label") == pair


@pytest.mark.parametrize("text", ["A", "=1", ""])
def test_what_is_no_pair(text: str) -> None:
    with pytest.raises(UsageError, match=r"cannot use --label .* it has to be KEY=VALUE"):
        context.pair(text, "--label")
