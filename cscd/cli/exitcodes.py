"""The exit codes of every command. Each has one meaning, and a number is never used for another.

`docs/command-line.md` and the man page repeat this table; a test compares them.
"""

from collections.abc import Iterable
from typing import Final

from cscd.numbered import Numbered


class ExitCode(Numbered):
    """What a command ended with."""

    OK = 0, "everything is as asked"
    INTERNAL = 1, "internal error: a bug in cscd; please report what it printed"
    USAGE = 2, "the command line is wrong; nothing was done"
    PARTIAL = 3, "some items are not in the asked state (with --dry-run: would be converted)"
    CANCELLED = 4, "cancelled, or stopped by SIGINT, SIGTERM or SIGHUP, before everything was done"
    PERMISSION = 5, "permission denied, on a file or directory given or on items within"
    DAMAGED = 6, "encrypted content fails its check; such files are never replaced or deleted"
    BUSY = 7, "another pass is at work on the same tree"
    KEY = 8, "a key is missing, malformed or must not be used as it is kept, or none fits"
    TARGET = 9, "a file or directory given is missing or cannot be worked on"
    NOT_ENCRYPTED = 10, "a file to be decrypted is not an age file"
    OUTPUT = 11, "the output could not be written"
    SYSTEM = 12, "a system call failed for another reason, as with an I/O error or a full disk"
    CONFIGURATION = 13, "the configuration is wrong: each error was printed with its file, line and column"
    SERVICE = 14, "the service is not running, does not answer, or refused"
    LOCKED = 15, "a key is locked, and nobody could be asked to unlock it; see cscd keys unlock"


SEVERITY: Final = (
    ExitCode.INTERNAL,
    ExitCode.CANCELLED,
    ExitCode.DAMAGED,
    ExitCode.KEY,
    ExitCode.LOCKED,
    ExitCode.CONFIGURATION,
    ExitCode.PERMISSION,
    ExitCode.SERVICE,
    ExitCode.BUSY,
    ExitCode.SYSTEM,
    ExitCode.OUTPUT,
    ExitCode.TARGET,
    ExitCode.NOT_ENCRYPTED,
    ExitCode.PARTIAL,
    ExitCode.USAGE,
    ExitCode.OK,
)
"""Of several, the first of these is reported: what needs attention before what a repetition mends."""


def gravest(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the one code to end with when several parts of a command ended differently; OK for none."""
    return min(codes, key=SEVERITY.index, default=ExitCode.OK)
