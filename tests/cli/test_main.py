"""The program as a whole: exit codes, messages, what it imports, and what happens when it is cut off."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Run, argv

from nosh import __version__
from nosh.cli import main
from nosh.values import errors

# A verb of this test's own, whose main function is given; the program finds it as it finds any other.
VERB = """
import sys, types
from nosh.cli import main
from nosh.values import errors
verb = types.ModuleType("nosh.cli.play")
sys.modules["nosh.cli.play"] = verb
main.VERBS["play"] = "for this test"
def play(argv):
    {body}
verb.main = play
sys.argv = ["nosh", "play", *sys.argv[1:]]
main.console()
"""


def play(body: str) -> tuple[str, str]:
    return "-c", VERB.format(body=body)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("UsageError", 2),
        ("InputError", 2),
        ("NotFoundError", 2),
        ("ConflictError", 2),
        ("FormatError", 3),
        ("VerificationError", 3),
        ("NetworkError", 4),
        ("EngineError", 4),
        ("ProcessError", 4),
        ("StoreError", 4),
    ],
)
def test_every_error_is_a_message_a_hint_and_its_code(python: Run, name: str, code: int) -> None:
    done = python(*play(f'raise errors.{name}("cannot play: it rains", hint="wait")'))
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == "nosh: cannot play: it rains\nhint: wait\n"


def test_the_table_above_has_every_error() -> None:
    (mark,) = (one for one in test_every_error_is_a_message_a_hint_and_its_code.pytestmark if one.name == "parametrize")  # type: ignore[attr-defined] # pytest puts it there
    kinds = {kind.__name__ for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert {name for name, _ in mark.args[1]} == kinds - {"Error"}


def test_without_a_hint_there_is_no_line_for_it(python: Run) -> None:
    assert python(*play('raise errors.InputError("cannot play")')).stderr == "nosh: cannot play\n"


@pytest.mark.parametrize(("body", "code"), [("return 0", 0), ("return 1", 1), ("return 3", 3), ("sys.exit(0)", 0)])
def test_a_verb_says_how_it_ended(python: Run, body: str, code: int) -> None:
    done = python(*play(body))
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


@pytest.mark.parametrize("words", [(), ("-v",)])
def test_a_bug_is_called_so_and_shown_on_demand(python: Run, words: tuple[str, ...]) -> None:
    done = python(*play('raise ValueError("oops")'), *words)
    assert done.returncode == 70
    assert "nosh: this is a bug in nosh: ValueError: oops\nhint: run it again with -v" in done.stderr
    assert ("Traceback" in done.stderr) is bool(words)


@pytest.mark.parametrize("words", [(), ("--verbose",)])
def test_where_an_error_comes_from_is_shown_on_demand(python: Run, words: tuple[str, ...]) -> None:
    done = python(*play('raise errors.InputError("cannot play")'), *words)
    assert ("Traceback" in done.stderr) is bool(words)
    assert done.stderr.endswith("nosh: cannot play\n")


def test_an_interrupt_ends_it_with_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    body = 'import time; print("here", flush=True); time.sleep(60)'
    with subprocess.Popen(
        argv(play(body)), cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == "here\n"
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=30)
    assert (child.returncode, said) == (130, "nosh: interrupted\n")


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("build", "--help"), ("build", "-h"), ("catalogue",)])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_enough_is_no_error(
    environment: dict[str, str], tmp_path: Path, words: tuple[str, ...], unbuffered: str
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "nosh", *words], cwd=tmp_path, env={**environment, "PYTHONUNBUFFERED": unbuffered},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        assert child.stdout
        assert child.stderr
        child.stdout.close()
        said = child.stderr.read()
    assert (child.returncode, said) == (0, b"")


@pytest.mark.parametrize("word", ["--version", "-V", "version"])
def test_the_version(capsys: pytest.CaptureFixture[str], word: str) -> None:
    assert main.main([word]) == 0
    assert capsys.readouterr() == (f"nosh {__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        pytest.param(["--version"], r"argparse|urllib3|rich|json|logging|nosh\.(?!cli)", id="the version"),
        pytest.param(["--help"], r"argparse|urllib3|rich|json|logging|nosh\.(?!cli)", id="the help"),
        pytest.param(["catalogue"], r"urllib3|rich|semantic_version|pysequoia|nosh\.(apps|build|engines)", id="catalogue"),
        pytest.param(["images"], r"urllib3|rich|semantic_version|pysequoia|nosh\.(apps|build|engines)", id="images"),
    ],
)  # fmt: skip
def test_only_what_is_needed_is_imported(python: Run, words: list[str], absent: str) -> None:
    code = f"import sys; from nosh.cli import main; main.main({words!r}); print(*sys.modules, file=sys.stderr)"
    done = python("-c", code)
    assert done.returncode == 0
    assert [name for name in done.stderr.split() if re.match(absent, name)] == []


@pytest.mark.parametrize(("words", "code"), [([], 2), (["-h"], 0), (["--help"], 0), (["help"], 0)])
def test_the_help_names_every_verb(capsys: pytest.CaptureFixture[str], words: list[str], code: int) -> None:
    assert main.main(words) == code
    out, err = capsys.readouterr()
    assert err == ""
    for verb, text in main.VERBS.items():
        assert re.search(rf"^  {verb} +{re.escape(text)}$", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("biuld", "did you mean build"),
        ("image", "did you mean images"),
        ("zzz", "one of build, catalogue"),
        ("", "one"),
    ],
)
def test_a_word_that_is_no_verb_is_told_with_what_was_meant(
    capsys: pytest.CaptureFixture[str], word: str, hint: str
) -> None:
    assert main.main([word]) == 2
    out, err = capsys.readouterr()
    assert (out, err.splitlines()[0]) == ("", f"nosh: cannot do {word!r}: it is no verb")
    assert err.splitlines()[1].startswith(f"hint: {hint}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["build"], "the following arguments are required: THING"),
        (["build", "static", "--frob"], "unrecognized arguments: --frob"),
        (["build", "static", "--off"], "unrecognized arguments: --off"),
        (["build", "static", "more"], "unrecognized arguments: more"),
        (["build", "static", "--variant", "slim"], "invalid choice: 'slim'"),
        (["build", "static", "-t"], "expected one argument"),
        (["store", "burn"], "invalid choice: 'burn'"),
        (["run", "hello", "--timeout", "soon"], "invalid float value: 'soon'"),
    ],
)
def test_words_that_do_not_fit_are_usage_errors(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main.main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("nosh: cannot read the command line: ")
    assert message in err
    assert err.endswith(f"hint: see nosh {words[0]} --help\n")


def test_damage_that_is_found_has_its_own_code(nosh: Run, tmp_path: Path) -> None:
    blobs = tmp_path / "store" / "cache" / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    (blobs / ("0" * 64)).write_text("damaged")
    done = nosh("store", "verify", "--store", "store")
    assert (done.returncode, "damaged" in done.stdout) == (3, True)
    assert nosh("store", "verify", "--store", "store", "--repair").returncode == 0
    assert nosh("store", "verify", "--store", "store").returncode == 0


def test_every_verb_has_a_module_and_every_module_of_a_verb_is_one() -> None:
    folder = Path(main.__file__).parent
    verbs = {
        path.stem
        for path in folder.glob("*.py")
        if re.search(r"^def main\(argv: list\[str\]\)", path.read_text(), re.MULTILINE)
    }
    assert verbs == set(main.VERBS)
