"""What the service remembers: in memory for reading, and in ``state.db`` for the next start.

Nothing that happens to the file stops the service. A damaged one is set aside, under a name that nothing has,
and begun anew from what is in memory; where none can be written, the service remembers in memory alone and
tries again with every later write. Only `commit` insists: it returns when the record is on the medium, or
changes nothing.

Reading waits for nothing. Every method that writes waits for the disk, so call them from a thread; any, but
they wait for each other. They return the events to be logged, which are few: only where something happened to
the file.
"""

import contextlib
import errno
import fcntl
import os
import sqlite3
import threading
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Self

from cscd.daemon.state.damage import DamagedError, set_aside
from cscd.daemon.state.records import CacheRecord, UserRecord
from cscd.daemon.state.statefile import Contents, StateFile
from cscd.errors import BusyError, DatabaseError
from cscd.events.event import ServiceEvent
from cscd.events.service import DatabaseDamaged, DatabaseMigrated, DatabaseUnwritable, DatabaseWritable

MOST_USERS: Final = 10_000
"""Users remembered; beyond, those whose last pass is the oldest are forgotten."""

_ERRNOS: Final = MappingProxyType(
    {
        sqlite3.SQLITE_FULL: errno.ENOSPC,
        sqlite3.SQLITE_READONLY: errno.EROFS,
        sqlite3.SQLITE_BUSY: errno.EBUSY,
        sqlite3.SQLITE_LOCKED: errno.EBUSY,
        sqlite3.SQLITE_PERM: errno.EACCES,
        sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    }
)
"""SQLite's result codes as errno(3) has them; any other is EIO."""

Events = tuple[ServiceEvent, ...]
"""To be logged by the caller."""


class Database:
    """What is remembered of the cache and of each user."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._guard = threading.Lock()
        """Held by whoever writes; reading waits for nobody."""
        self._contents = Contents(CacheRecord(), {})
        """Replaced as a whole, never changed."""
        self._unwritten_cache = False
        self._unwritten: set[int] = set()
        """Users whose records are not in the file, or should no longer be."""
        self._file: StateFile | None = None
        self._directory: int | None = None
        """Its lock keeps a second service from using the same file."""
        self._known = False
        """Whether the file was read, or begun anew: what is in memory is at least as good as its content."""
        self._problem = ""
        self._errno = 0
        """Of the problem, as in errno(3)."""
        self._events: list[ServiceEvent] = []

    @classmethod
    def open(cls, path: str) -> tuple[Self, Events]:
        """Read what is remembered in the file, made if there is none, and take it for this process alone.

        Raises BusyError where another process has it.
        """
        database = cls(path)
        with contextlib.suppress(OSError):
            database._lock()
        database._write()
        return database, database._told()

    @property
    def cache(self) -> CacheRecord:
        """What is remembered of the cache as a whole."""
        return self._contents.cache

    @property
    def problem(self) -> str:
        """Why the file is not written at the moment; "" if it is."""
        return self._problem

    def user(self, uid: int) -> UserRecord | None:
        """Return what is remembered of a user."""
        return self._contents.users.get(uid)

    def users(self) -> tuple[UserRecord, ...]:
        """Return what is remembered of all users, by uid."""
        return tuple(record for _, record in sorted(self._contents.users.items()))

    def commit(self, record: CacheRecord) -> Events:
        """Replace what is remembered of the cache, durable when this returns.

        Raises DatabaseError where it cannot be written: then nothing has changed, and what there is to be
        logged comes with the next call. (Where the disk took the record and failed after that, the file has
        it until the next write takes it back.)
        """
        with self._guard:
            before, unwritten = self._contents.cache, self._unwritten_cache
            self._set_cache(record)
            self._write()
            if self._unwritten_cache:
                self._contents = Contents(before, self._contents.users)
                self._unwritten_cache = unwritten or self._known
                raise DatabaseError(f"{self._path} cannot be written: {self._problem}", self._errno)
            return self._told()

    def assume(self, record: CacheRecord) -> Events:
        """Replace what is remembered of the cache; where it cannot be written now, in memory until it can."""
        with self._guard:
            if record != self._contents.cache or self._unwritten_cache:
                self._set_cache(record)
                self._write()
            return self._told()

    def keep_user(self, record: UserRecord) -> Events:
        """Replace what is remembered of a user; where it cannot be written now, in memory until it can."""
        with self._guard:
            self._contents = Contents(self._contents.cache, self._without_oldest(record))
            self._unwritten.add(record.uid)
            self._write()
            return self._told()

    def close(self) -> None:
        """Let go of the file. What could not be written is lost with this object."""
        with self._guard:
            self._let_go()
            if self._directory is not None:
                os.close(self._directory)
                self._directory = None

    def _set_cache(self, record: CacheRecord) -> None:
        self._contents = Contents(record, self._contents.users)
        self._unwritten_cache = True

    def _without_oldest(self, record: UserRecord) -> dict[int, UserRecord]:
        """Return the users with this one, and without the oldest where they are too many."""
        users = {**self._contents.users, record.uid: record}
        if len(users) > MOST_USERS:
            oldest = min(users.values(), key=lambda each: each.last_pass.ended if each.last_pass else 0.0)
            del users[oldest.uid]
            self._unwritten.add(oldest.uid)
        return users

    def _told(self) -> Events:
        told, self._events = tuple(self._events), []
        return told

    # -- the file --------------------------------------------------------------------------------

    def _write(self) -> None:
        """Bring the file to what is in memory; note why if that cannot be done now."""
        try:
            try:
                self._reach()
            except DamagedError:
                # Looked at once more, so that no passing failure of a disk costs the record.
                self._let_go()
                self._reach_or_begin_anew()
        except (OSError, sqlite3.Error, DamagedError, BusyError) as error:
            self._let_go()
            self._note(_reason(error))
            self._errno = _errno(error)
        else:
            self._note("")

    def _reach(self) -> None:
        self._attach()
        self._save()

    def _reach_or_begin_anew(self) -> None:
        try:
            self._reach()
        except DamagedError as error:
            self._begin_anew(str(error))
            self._reach()

    def _attach(self) -> None:
        """Open the file, made if there is none, and learn from it what is not known better in memory."""
        if self._file:
            return
        self._lock()
        try:
            self._file = StateFile.open(self._path)
        except FileNotFoundError:
            StateFile.make(self._path)
            self._file = StateFile.open(self._path)
        loaded = self._file.load()
        if (form := self._file.form) != (newest := self._file.newest):
            self._events.append(DatabaseMigrated(before=form, after=newest))
        self._contents = self._merged(loaded)
        self._known = True

    def _merged(self, loaded: Contents) -> Contents:
        """Return what is known of both: what is in memory and not yet in the file is the newer."""
        known = self._contents
        cache = known.cache if self._unwritten_cache else loaded.cache
        if self._unwritten_cache and not self._known:
            # Assumed while the file could not be read. Nobody chose meanwhile: `commit` would have failed. So
            # what was chosen before stands, and is in force from the next reload or start on.
            cache = replace(cache, chosen=cache.chosen or loaded.cache.chosen)
        users = {uid: record for uid, record in loaded.users.items() if uid not in self._unwritten}
        return Contents(cache, {**users, **known.users})

    def _save(self) -> None:
        if self._file is None or not (self._unwritten_cache or self._unwritten):
            return
        users = self._contents.users
        self._file.save(
            self._contents.cache if self._unwritten_cache else None,
            [users[uid] for uid in self._unwritten if uid in users],
            [uid for uid in self._unwritten if uid not in users],
        )
        self._unwritten_cache = False
        self._unwritten.clear()

    def _begin_anew(self, error: str) -> None:
        """Set a damaged file aside, so that all that is known goes into a new one."""
        self._let_go()
        kept_as = set_aside(self._path)
        self._events.append(DatabaseDamaged(path=self._path, kept_as=kept_as, error=error))
        # What was read from it before is as good as before; what was not, the configuration decides.
        self._known = self._unwritten_cache = True
        self._unwritten.update(self._contents.users)

    def _let_go(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def _lock(self) -> None:
        """Take the directory for this process alone, until it ends. Raises BusyError."""
        if self._directory is not None:
            return
        path = os.path.dirname(self._path) or "."
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(directory)
            raise BusyError(f"another cscd is at work with {path}; stop it first") from None
        except BaseException:
            os.close(directory)
            raise
        self._directory = directory

    def _note(self, problem: str) -> None:
        """Remember why the file is not written, "" if it is, and tell it when that begins or ends."""
        if problem and not self._problem:
            self._events.append(DatabaseUnwritable(path=self._path, error=problem))
        if self._problem and not problem:
            self._events.append(DatabaseWritable(path=self._path))
        self._problem = problem


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error)


def _errno(error: Exception) -> int:
    if isinstance(error, OSError) and error.errno:
        return error.errno
    code = getattr(error, "sqlite_errorcode", None)
    return _ERRNOS.get(code & 0xFF, errno.EIO) if code is not None else errno.EIO
