"""Telling a damaged database from one that cannot be used now, and setting a damaged one aside."""

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterator
from typing import Final

_PASSING: Final = frozenset(
    (
        *(sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY),
        *(sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH),
        *(sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT),
    )
)
"""Result codes (rescode.html) that speak of the surroundings of a database, not of what is in it."""
_UNREADABLE: Final = frozenset(
    (sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS)
)
"""Extended codes of SQLITE_IOERR that say that a page is lost."""


class DamagedError(Exception):
    """The file is not a state database, or not one that this version understands."""


@contextlib.contextmanager
def damage() -> Iterator[None]:
    """Tell damage from what passes: raise DamagedError for whatever is wrong with what the file holds."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise  # a mistake in our code
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in _PASSING and code not in _UNREADABLE:
            raise
        raise DamagedError(str(error)) from error
    except (ValueError, TypeError) as error:  # what our own records make of a row that is none
        raise DamagedError(str(error)) from error


def sync_directory(path: str) -> None:
    """Make durable which names are in the directory of a path."""
    fd = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def set_aside(path: str) -> str:
    """Give a damaged file, and its journal, a name that nothing has, and return it. Raises OSError.

    The journal goes first: left behind, SQLite would roll it back into the file that comes after.
    """
    directory, name = os.path.split(path)
    pattern = re.compile(re.escape(name) + r"\.damaged-([0-9]{1,9})(?:-journal)?")
    used = [int(match[1]) for each in os.listdir(directory or ".") if (match := pattern.fullmatch(each))]
    kept_as = f"{path}.damaged-{max(used, default=0) + 1}"
    if os.path.lexists(f"{path}-journal"):
        os.rename(f"{path}-journal", f"{kept_as}-journal")
        sync_directory(path)
    os.rename(path, kept_as)
    sync_directory(path)
    return kept_as
