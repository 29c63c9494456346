"""``state.db``: what is remembered, in one SQLite file of root's alone.

A rollback journal (journal_mode TRUNCATE) with synchronous FULL: when a transaction has returned it is on the
medium, and so is the end of its journal, which SQLite syncs in this mode and not when it deletes the journal.
A write-ahead log would save two of four syncs for each of these rare and tiny writes, at the price of a
database of three files, one of them shared memory.

A new file is made whole under another name, so that an empty or a half file can only be a damaged one.
"""

import contextlib
import os
import sqlite3
import stat
import urllib.parse
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from cscd.daemon.state import rows, schema
from cscd.daemon.state.damage import DamagedError, damage, sync_directory
from cscd.daemon.state.records import CacheRecord, UserRecord

TIMEOUT: Final = 2.0
"""Seconds to wait for somebody who reads the file, such as an administrator with the sqlite3 shell."""
MOST_PAGES: Final = 16_384
"""Of 4 KiB: 64 MiB, far more than all records at their largest number."""

_OPEN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_WRITABLE: Final = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that the file holds."""

    cache: CacheRecord
    users: Mapping[int, UserRecord]
    """By uid."""


class StateFile:
    """The file, open. For one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, form: int) -> None:
        self._connection = connection
        self.form = form
        """The form that was found in it."""
        self.newest = schema.NEWEST
        """The form that it has now."""

    @classmethod
    def open(cls, path: str) -> Self:
        """Open the file and bring it to the newest form.

        Raises FileNotFoundError, DamagedError, and OSError or sqlite3.Error where it cannot be used now.
        """
        _look(path)
        connection = _connect(path)
        try:
            with damage():
                return cls(connection, _checked(connection))
        except BaseException:
            connection.close()
            raise

    @staticmethod
    def make(path: str) -> None:
        """Make a new file, whole or not at all, where there is none. Raises OSError and sqlite3.Error.

        The caller sees to it that nobody else does so at the same time.
        """
        new = f"{path}.new"
        for name in (new, f"{new}-journal"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
        fd = os.open(new, _CREATE, 0o600)
        try:
            os.fchmod(fd, 0o600)  # whatever the umask took away
        finally:
            os.close(fd)
        connection = _connect(new)
        try:
            schema.migrate(connection, 0)
        finally:
            connection.close()
        # A journal that somebody left when they removed the file would be rolled back into the new one.
        for name in (f"{new}-journal", f"{path}-journal"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
        os.rename(new, path)
        sync_directory(path)

    def load(self) -> Contents:
        """Return everything. Raises DamagedError and sqlite3.Error."""
        with damage():
            (row,) = self._connection.execute(rows.SELECT_CACHE)
            users = map(rows.user_of, self._connection.execute(rows.SELECT_USERS))
            return Contents(rows.cache_of(row), {record.uid: record for record in users})

    def save(
        self, cache: CacheRecord | None, users: Collection[UserRecord], forgotten: Collection[int] = ()
    ) -> None:
        """Write what is given, all or nothing; it is on the medium when this returns.

        Raises DamagedError, and sqlite3.Error where it cannot be written now.
        """
        gone = [(uid,) for uid in forgotten]
        user_rows = [rows.user_row(user) for user in users]
        pass_rows = [rows.pass_row(user.uid, user.last_pass) for user in users if user.last_pass]
        with damage(), self._transaction() as execute:
            execute(rows.UPDATE_CACHE, [rows.cache_row(cache)] if cache else [])
            execute("DELETE FROM user WHERE uid = ?", gone)
            execute("DELETE FROM pass WHERE uid = ?", gone)
            execute(rows.INSERT_USER, user_rows)
            execute(rows.INSERT_PASS, pass_rows)

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Callable[[str, Iterable[Sequence[object]]], object]]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection.executemany
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            raise


def _look(path: str) -> None:
    """Raise DamagedError for what we would not have made. SQLite opens it again by its name.

    Only root can change what the name stands for: the directory is root's. The descriptor is closed before
    SQLite comes, for closing one lets go of all locks on the file (fcntl(2)).
    """
    try:
        fd = os.open(path, _OPEN)
    except OSError as error:
        if os.path.islink(path):
            raise DamagedError("it is a symbolic link") from error
        raise
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise DamagedError("it is not a regular file")
        if status.st_uid != os.geteuid() or status.st_mode & _WRITABLE:
            raise DamagedError("others can write to it")
        if not status.st_size:
            raise DamagedError("it is empty")
        if status.st_mode & _OTHERS:
            with contextlib.suppress(OSError):
                os.fchmod(fd, 0o600)
    finally:
        os.close(fd)


def _connect(path: str) -> sqlite3.Connection:
    uri = f"file:{urllib.parse.quote(os.fsencode(path))}?mode=rw"
    try:
        connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, timeout=TIMEOUT, check_same_thread=False
        )
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR:
            raise DamagedError(str(error)) from error  # all that was done is to read its first bytes
        raise
    try:
        with damage():
            connection.executescript(
                f"PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;"
                f" PRAGMA max_page_count = {MOST_PAGES};"
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _checked(connection: sqlite3.Connection) -> int:
    """Look through the whole file, bring it to the newest form, and return the form that was found."""
    (told,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if told != "ok":
        raise DamagedError(str(told))
    form = schema.form_of(connection)
    if not 1 <= form <= schema.NEWEST:
        raise DamagedError(f"its form is {form}, and this version of cscd knows 1 to {schema.NEWEST}")
    if form < schema.NEWEST:
        schema.migrate(connection, form)
    return form
