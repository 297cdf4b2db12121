"""What a name on the command line means: one reading, or an error that shows both."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nosh.cli import thing
from nosh.values.errors import Error, InputError, NotFoundError, UsageError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "name", "release", "variant"),
    [
        ("static", "static", "", "nonroot"),
        ("catalogue:static", "static", "", "nonroot"),
        ("nodejs22-debian12", "nodejs22-debian12", "debian12", "nonroot"),
        ("base-nossl-debian13", "base-nossl-debian13", "debian13", "nonroot"),
        ("static:root", "static", "", "root"),
        ("static:debug", "static", "", "debug"),
        ("static:debug-root", "static", "", "debug-root"),
        ("catalogue:cc-debian12:debug", "cc-debian12", "debian12", "debug"),
        ("slim-nodejs22", "slim-nodejs22", "", "nonroot"),
    ],
)
def test_a_name_of_the_catalogue(
    capsys: pytest.CaptureFixture[str], text: str, name: str, release: str, variant: str
) -> None:
    found = thing.read(text)
    assert (found.name, found.release, found.variant, found.project) == (name, release, variant, None)
    assert found.recipe
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "variant", "note"),
    [
        ("static:latest", "root", "`latest` of the reference images runs as root; here that variant is called root"),
        ("static:debug-nonroot", "debug", "`debug-nonroot` of the reference images is called debug here"),
    ],
)
def test_tag_words_of_the_reference_images_are_understood_with_a_note(
    capsys: pytest.CaptureFixture[str], text: str, variant: str, note: str
) -> None:
    assert thing.read(text).variant == variant
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"note: {note}\n")


def folder(name: str) -> Callable[[], None]:
    return lambda: Path(name).mkdir(parents=True)


def file(name: str, text: str = "") -> Callable[[], object]:
    def write() -> None:
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)

    return write


@pytest.mark.parametrize("text", [".", "./app", "app", "./static", "app/"])
def test_a_folder_is_an_app(text: str, tmp_path: Path) -> None:
    for name in ("app", "static"):
        Path(name).mkdir()
    found = thing.read(text)
    assert found.project
    assert found.recipe is None
    assert found.name == (tmp_path.name if text == "." else Path(text).name)


def test_a_file_is_a_recipe() -> None:
    Path("my.toml").write_text('name = "mine"\nextends = "base-debian12"\n')
    found = thing.read("my.toml")
    assert (found.name, found.variant, found.release) == ("mine", "nonroot", "")
    assert found.recipe
    assert found.recipe.place == "my.toml"


@pytest.mark.parametrize(
    ("prepare", "text", "kind", "message", "hint"),
    [
        pytest.param(
            folder("static"), "static", UsageError, "it is a folder here and a name of the catalogue",
            "./static or catalogue:static", id="a folder that is called as a base image",
        ),
        pytest.param(
            folder("cc-debian12"), "cc-debian12", UsageError, "it is a folder here and a name of the catalogue",
            "./cc-debian12 or catalogue:cc-debian12", id="also with a release",
        ),
        pytest.param(None, "nodejs21", NotFoundError, "cannot build 'nodejs21'", "did you mean", id="a near miss"),
        pytest.param(None, "nodejs21-debian12:debug", NotFoundError, "cannot build", "did you mean", id="and its tag"),
        pytest.param(None, "zzzzz", NotFoundError, "cannot build 'zzzzz'", "", id="nothing near"),
        pytest.param(None, "./none", NotFoundError, "there is no such folder or recipe file", "", id="no folder"),
        pytest.param(None, "none.toml", InputError, "cannot read recipe none.toml", "", id="no recipe"),
        pytest.param(file("f.txt"), "f.txt", InputError, "it is a file, and no recipe", "folder of the app", id="a file"),
        pytest.param(file("x.toml", "nam = 1"), "x.toml", InputError, "x.toml:1:1: ", "", id="a recipe with mistakes"),
        pytest.param(
            lambda: Path("bin.toml").write_bytes(b"\xff"), "bin.toml", InputError, "cannot read recipe bin.toml", "",
            id="a recipe that is no text",
        ),
        pytest.param(
            file("app/nosh.toml", "x = 1"), "app", InputError, "app/nosh.toml:1:1: unknown key x", "", id="an app with mistakes in its settings",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(
    prepare: Callable[[], object] | None, text: str, kind: type[Error], message: str, hint: str
) -> None:
    if prepare:
        prepare()
    with pytest.raises(kind) as caught:
        thing.read(text)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_hidden_recipes_are_not_suggested() -> None:
    with pytest.raises(NotFoundError) as caught:
        thing.read("slim-nodejs23")
    assert "slim" not in caught.value.hint
