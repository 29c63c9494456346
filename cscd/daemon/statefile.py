"""``state.db``: what is remembered, in one SQLite file of root's alone.

A rollback journal (journal_mode TRUNCATE) with synchronous FULL: when a transaction has returned it is on the
medium, and so is the end of its journal, which SQLite syncs in this mode and not when it deletes the journal.
A write-ahead log would save two of four syncs for each of these rare and tiny writes, at the price of a
database of three files, one of them shared memory.

A new file is made whole under another name, so that an empty or a half file can only be a damaged one.
"""

import contextlib
import json
import os
import sqlite3
import stat
import urllib.parse
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from cscd.daemon import schema
from cscd.daemon.records import CacheRecord, PassRecord, UserRecord
from cscd.files.goal import State

TIMEOUT: Final = 2.0
"""Seconds to wait for somebody who reads the file, such as an administrator with the sqlite3 shell."""
MOST_PAGES: Final = 16_384
"""Of 4 KiB: 64 MiB, far more than all records at their largest number."""

_OPEN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_WRITABLE: Final = stat.S_IWGRP | stat.S_IWOTH

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

_PASS: Final = tuple(field.name for field in fields(PassRecord))
_SELECT_PASS: Final = ", ".join(f"pass.{name}" for name in _PASS)
_INSERT_PASS: Final = f"INSERT OR REPLACE INTO pass (uid, {', '.join(_PASS)}) VALUES (?{', ?' * len(_PASS)})"  # noqa: S608 - names of fields


class DamagedError(Exception):
    """The file is not a state database, or not one that this version understands."""


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
            (row,) = self._connection.execute("SELECT chosen, state, policy, recovery FROM cache")
            users = {record.uid: record for record in self._users()}
            return Contents(_cache(*row), users)

    def save(
        self, cache: CacheRecord | None, users: Collection[UserRecord], forgotten: Collection[int] = ()
    ) -> None:
        """Write what is given, all or nothing; it is on the medium when this returns.

        Raises DamagedError, and sqlite3.Error where it cannot be written now.
        """
        recovery = json.dumps(cache.recovery) if cache and cache.recovery is not None else None
        user_rows = [_user_row(user) for user in users]
        pass_rows = [(user.uid, *_pass_row(user.last_pass)) for user in users if user.last_pass]
        with damage(), self._transaction() as execute:
            if cache:
                execute(
                    "UPDATE cache SET chosen = ?, state = ?, policy = ?, recovery = ?",
                    [(cache.chosen, cache.state, cache.policy, recovery)],
                )
            for table in ("user", "pass"):
                execute(f"DELETE FROM {table} WHERE uid = ?", [(uid,) for uid in forgotten])  # noqa: S608 - one of two names
            execute("INSERT OR REPLACE INTO user VALUES (?, ?, ?)", user_rows)
            execute(_INSERT_PASS, pass_rows)

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

    def _users(self) -> Iterator[UserRecord]:
        for uid, name, pending, *values in self._connection.execute(
            f"SELECT user.uid, user.name, user.pending, {_SELECT_PASS}"  # noqa: S608 - names of fields
            " FROM user LEFT JOIN pass USING (uid)"
        ):
            last = None if values[0] is None else _pass(dict(zip(_PASS, values, strict=True)))
            yield UserRecord(uid, name, last, _counts(pending))


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


def _cache(chosen: str | None, state: str | None, policy: Any, recovery: str | None) -> CacheRecord:  # noqa: ANN401 - checked by the record
    return CacheRecord(
        State(chosen) if chosen is not None else None,
        State(state) if state is not None else None,
        policy,
        tuple(json.loads(recovery)) if recovery is not None else None,
    )


def _pass(values: dict[str, Any]) -> PassRecord:
    values["goal"] = State(values["goal"])
    values["reasons"] = _counts(values["reasons"])
    for name in ("complete", "partial", "stopped"):
        values[name] = bool(values[name])
    return PassRecord(**values)


def _pass_row(record: PassRecord) -> tuple[object, ...]:
    values = {name: getattr(record, name) for name in _PASS}
    values["goal"] = record.goal.value
    values["reasons"] = json.dumps(dict(record.reasons))
    return tuple(_plain(value) for value in values.values())


def _user_row(record: UserRecord) -> tuple[object, ...]:
    return record.uid, _plain(record.name), json.dumps(dict(record.pending))


def _counts(text: str) -> dict[str, int]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise TypeError("counts are an object")
    return found


def _plain(value: object) -> object:
    """Return what SQLite takes: no lone surrogates, which a name from the user database may have."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
