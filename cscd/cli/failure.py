"""What a failure means to the person at the terminal: message, advice and exit code, in one table.

Library code raises; only here it is decided how that is told.
"""

import errno
import os
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from cscd.cli import refusals
from cscd.cli.exitcodes import ExitCode
from cscd.errors import (
    AgeError,
    BusyError,
    CancelledError,
    ConfigError,
    CscdError,
    KeyChangeError,
    KeyFileError,
    KeyFormatError,
    NoMatchError,
    NotEncryptedError,
    OutputError,
    ServiceError,
    ServiceRefusedError,
    TargetError,
    WorkersDiedError,
)

_CODES: Final = (
    (NoMatchError, ExitCode.KEY),
    (AgeError, ExitCode.DAMAGED),
    (KeyFormatError, ExitCode.KEY),
    (KeyFileError, ExitCode.KEY),
    (KeyChangeError, ExitCode.KEY),
    (BusyError, ExitCode.BUSY),
    (WorkersDiedError, ExitCode.SYSTEM),
    (TargetError, ExitCode.TARGET),
    (NotEncryptedError, ExitCode.NOT_ENCRYPTED),
    (ConfigError, ExitCode.CONFIGURATION),
    (ServiceError, ExitCode.SERVICE),
    (OutputError, ExitCode.OUTPUT),
    (CancelledError, ExitCode.CANCELLED),
)
"""The first that an error is an instance of decides."""

_SYSTEM: Final = MappingProxyType(
    {
        errno.EACCES: ExitCode.PERMISSION,
        errno.EPERM: ExitCode.PERMISSION,
        errno.ENOENT: ExitCode.TARGET,
        errno.ENOTDIR: ExitCode.TARGET,
        errno.EISDIR: ExitCode.TARGET,
        errno.ELOOP: ExitCode.TARGET,
        errno.ENAMETOOLONG: ExitCode.TARGET,
        errno.ENXIO: ExitCode.TARGET,
    }
)


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure as it is told."""

    message: str
    code: ExitCode
    quiet: bool = False
    """There is nobody left to tell: who read our output has gone."""


def explain(error: CscdError | OSError) -> Failure:
    """Return how to tell an error that a user can cause."""
    if isinstance(error, OSError):
        return Failure(_sentence(error), _SYSTEM.get(error.errno or 0, ExitCode.SYSTEM))
    if isinstance(error, ServiceRefusedError):
        code = refusals.CODES.get(error.reason, ExitCode.SERVICE)
        return Failure(refusals.advised(error.reason, str(error)), code)
    code = next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.INTERNAL)
    if code is ExitCode.TARGET and isinstance(error.__cause__, PermissionError):
        code = ExitCode.PERMISSION
    return Failure(str(error), code, isinstance(error.__cause__, BrokenPipeError))


def _sentence(error: OSError) -> str:
    """Say which file and what is wrong with it."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    return f"{os.fsdecode(error.filename)}: {reason}" if isinstance(error.filename, (str, bytes)) else reason
