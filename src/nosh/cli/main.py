"""The program: finds the verb, runs it, turns errors into messages and exit codes."""

import gc
import os
import sys
from collections.abc import Sequence

from nosh import __version__

# Verb -> what it does, in the order of the help; each lives in the module nosh.cli.<verb>.
VERBS = {
    "build": "make an image from an app, a recipe or a catalogue name",
    "catalogue": "list the base images nosh can build",
    "images": "list the images nosh has",
    "rm": "remove images nosh has",
    "run": "start an image in Docker, Podman or nosh's own sandbox",
    "stop": "stop what `run -d` started",
    "store": "show, check and clean what nosh keeps on disk",
    "doctor": "show what works on this machine, and how to mend what does not",
}
_USAGE = "usage: nosh VERB [THING …] [options]\n       nosh VERB --help\n"


def console() -> None:
    """Run the program and end the process with its code."""
    # Collecting while modules are imported finds nothing and costs a tenth of a warm build.
    gc.set_threshold(100_000)
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is written and closed: what Python would do now is to take every object apart.
    os._exit(code)


def main(argv: Sequence[str]) -> int:
    """Run one command and return the exit code."""
    try:
        code = _command(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has enough of it; a second error while closing would only be noise.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _command(argv: Sequence[str]) -> int:
    if argv and argv[0] in {"--version", "-V", "version"}:
        sys.stdout.write(f"nosh {__version__}\n")
        return 0
    if not argv or argv[0] in {"-h", "--help", "help"}:
        sys.stdout.write(_help())
        return 0 if argv else 2
    if argv[0] not in VERBS:
        return _unknown(argv[0])
    return _guarded(argv[0], argv[1:])


def _help() -> str:
    lines = [f"  {verb:<10} {text}" for verb, text in VERBS.items()]
    return (
        f"nosh: container images with no shell.\n\n{_USAGE}\n"
        + "\n".join(lines)
        + "\n\nexample: nosh build . && nosh run APP -p 3000:3000\n"
    )


def _unknown(verb: str) -> int:
    from nosh.values.suggest import hint  # noqa: PLC0415 - start-up time

    sys.stderr.write(f"nosh: cannot do {verb!r}: it is no verb\nhint: {hint(verb, VERBS) or 'see nosh --help'}\n")
    return 2


def _guarded(verb: str, argv: Sequence[str]) -> int:
    from importlib import import_module  # noqa: PLC0415 - start-up time

    from nosh.values.errors import Error  # noqa: PLC0415 - start-up time

    verbose = any(word in {"-v", "--verbose"} for word in argv)
    try:
        code: int = import_module(f"nosh.cli.{verb}").main(list(argv))
    except SystemExit as done:
        # This is how argparse ends after it has printed the help.
        return int(done.code or 0)
    except Error as error:
        if verbose:
            _trace()
        sys.stderr.write(f"nosh: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        return int(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("nosh: interrupted\n")
        return 130
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last line of defence
        return _bug(error, verbose=verbose)
    else:
        return code


def _bug(error: Exception, *, verbose: bool) -> int:
    if verbose:
        _trace()
    sys.stderr.write(
        f"nosh: this is a bug in nosh: {type(error).__name__}: {error}\n"
        "hint: run it again with -v and report what it prints\n"
    )
    return 70


def _trace() -> None:
    import traceback  # noqa: PLC0415 - start-up time

    traceback.print_exc()
