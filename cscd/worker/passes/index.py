"""The index: what was right at the end of the last pass, so that the next one opens nothing it need not.

A cache and nothing more. Lost, damaged or from another version it is made anew, and the pass that
finds it so looks into every item once.
"""

import contextlib
import os
import sqlite3
from array import array
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

from cscd.files.goal import Goal, State
from cscd.files.tree import Tree

#: Raise it with every change to the tables or to what a record means.
_VERSION: Final = 1
_SCHEMA: Final = f"""
    CREATE TABLE directory (
        inode INTEGER PRIMARY KEY,
        state TEXT NOT NULL,
        record BLOB NOT NULL
    );
    PRAGMA user_version = {_VERSION};
"""
#: Directories forgotten only when they are many: the space is small, and the search for them is not.
_FORGET_FROM: Final = 1000


class Index:
    """The records of one tree's directories. One process at a time: the lock of the tree sees to that."""

    def __init__(self, state_directory: str, tree: Tree, goal: Goal, *, looking: bool = False) -> None:
        """Open or create the database of a tree, for one state and its recipients; `looking` only reads it.

        An item that is encrypted for others is right for most passes, and not for one that rekeys: none
        keeps it, so that none has to know what kind of pass the one before was.
        """
        name = f"index-{_filesystem_id(tree.fd):x}-{tree.inode:x}.db"
        self._path = os.path.join(state_directory, name)
        self._state = (
            f"{goal.state} {goal.key_id} {goal.set_id}" if goal.state is State.ENCRYPTED else goal.state.value
        )
        self.lost = ""
        """Why a new one had to be made: missing, damaged or another_version; "" if it had not."""
        self._database = self._open_to_read() if looking else self._open()

    def _open(self) -> sqlite3.Connection:
        """Open the database, or a new one in its place, or one in memory where the disk has no room."""
        if not os.path.exists(self._path):
            self.lost = "missing"
        with contextlib.suppress(sqlite3.DatabaseError):
            return self._connect(self._path)
        self.lost = self.lost or "damaged"
        for name in (self._path, f"{self._path}-journal"):
            with contextlib.suppress(OSError):
                os.unlink(name)
        with contextlib.suppress(sqlite3.DatabaseError):
            return self._connect(self._path)
        return self._connect(":memory:")

    def _open_to_read(self) -> sqlite3.Connection:
        """Open the database as it is, or an empty one in memory if there is none; what is learned is lost."""
        import urllib.parse  # noqa: PLC0415 - only a dry run needs it, and it takes its time to load

        with contextlib.suppress(sqlite3.DatabaseError):
            uri = f"file:{urllib.parse.quote(os.fsencode(self._path))}?mode=ro"
            database = sqlite3.connect(uri, uri=True, isolation_level=None)
            if database.execute("PRAGMA user_version").fetchone() == (_VERSION,):
                return database
            database.close()
        return self._connect(":memory:")

    def _connect(self, path: str) -> sqlite3.Connection:
        database = sqlite3.connect(path, isolation_level=None)
        try:
            # Losing the index to a power cut costs time only; waiting for the disk costs it always.
            database.execute("PRAGMA synchronous = OFF")
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version != _VERSION:
                self.lost = self.lost or ("another_version" if version else "damaged")
                database.executescript(f"DROP TABLE IF EXISTS directory; {_SCHEMA}")
            database.execute("SELECT count(*) FROM directory WHERE inode = 0").fetchone()
            database.execute("BEGIN IMMEDIATE")
        except BaseException:
            database.close()
            raise
        if path == self._path:
            os.chmod(path, 0o600)
        return database

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Keep what was learned, also after a failure: every record is true by itself."""
        with contextlib.suppress(sqlite3.DatabaseError):
            self._database.execute("COMMIT")
        self._database.close()

    def record(self, inode: int) -> bytes:
        """Return the packed record of a directory, empty if there is none for this state."""
        try:
            row: tuple[bytes] | None = self._database.execute(
                "SELECT record FROM directory WHERE inode = ? AND state = ?", (_signed(inode), self._state)
            ).fetchone()
        except sqlite3.DatabaseError:
            return b""
        return row[0] if row and isinstance(row[0], bytes) else b""

    def remember(self, inode: int, packed: bytes) -> None:
        """Replace the record of a directory; an index that cannot be written is the next pass's loss."""
        with contextlib.suppress(sqlite3.DatabaseError):
            self._database.execute(
                "INSERT OR REPLACE INTO directory VALUES (?, ?, ?)", (_signed(inode), self._state, packed)
            )

    def forget_all_but(self, inodes: "array[int]") -> None:
        """Drop the records of directories that a whole walk of the tree did not meet, if they are many."""
        with contextlib.suppress(sqlite3.DatabaseError):
            (kept,) = self._database.execute("SELECT count(*) FROM directory").fetchone()
            if kept < 2 * len(inodes) + _FORGET_FROM:
                return
            self._database.execute("CREATE TEMP TABLE met (inode INTEGER PRIMARY KEY)")
            self._database.executemany("INSERT OR IGNORE INTO met VALUES (?)", _rows(inodes))
            self._database.execute("DELETE FROM directory WHERE inode NOT IN (SELECT inode FROM met)")


def _rows(inodes: "array[int]") -> Iterable[tuple[int]]:
    return ((_signed(inode),) for inode in inodes)


def _signed(number: int) -> int:
    """Fold an unsigned 64-bit number into what SQLite stores."""
    return number - 2**64 if number >= 2**63 else number


def _filesystem_id(fd: int) -> int:
    """Return a number for the filesystem of an open file: its own id, or its device number if it has none.

    Device numbers are dealt out anew at every boot; most filesystems keep an id of their own.
    """
    return os.fstatvfs(fd).f_fsid or os.fstat(fd).st_dev
