"""Every error a user can meet: what failed, why, and what to do about it."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process ends with; scripts may rely on it."""

    DONE = 0
    FINDINGS = 1
    USAGE = 2
    UNVERIFIED = 3
    OUTSIDE = 4
    BUG = 70


class Error(Exception):
    """The base of all errors that nosh raises on purpose.

    Attributes:
        message: one or more lines, the first reads ``cannot <verb> <thing>: <reason>``.
        hint: what the user can do, or an empty string.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(Error):
    """The words of the command line do not fit together."""


class InputError(Error):
    """A file the user wrote, or an app, is not what it has to be."""


class FormatError(Error):
    """Bytes are not what their format promises (damaged or hostile)."""

    exit_code = ExitCode.UNVERIFIED


class VerificationError(Error):
    """A signature, digest, date or name does not hold."""

    exit_code = ExitCode.UNVERIFIED


class NotFoundError(Error):
    """A package, recipe or image of that name does not exist."""


class ConflictError(Error):
    """Two inputs want the same place with different contents."""


class NetworkError(Error):
    """A server could not be reached or did not answer as it should."""

    exit_code = ExitCode.OUTSIDE


class EngineError(Error):
    """A container engine or the sandbox could not do what it was asked."""

    exit_code = ExitCode.OUTSIDE


class ProcessError(Error):
    """A program that nosh started failed."""

    exit_code = ExitCode.OUTSIDE


class StoreError(Error):
    """The store on disk cannot be read or written."""

    exit_code = ExitCode.OUTSIDE
