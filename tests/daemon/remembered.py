"""What the tests of the database have it remember, and opening it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from cscd.daemon.state.database import Database, Events
from cscd.daemon.state.records import CacheRecord, DrillRecord, PassRecord, UserRecord
from cscd.files.goal import State

DRILL = DrillRecord(1_800_000_000.5, 100, 2)
CACHE = CacheRecord(State.UNENCRYPTED, State.UNENCRYPTED, "user-controlled", ("age1one", "age1two"), DRILL)

PASS = PassRecord(
    pass_id="0123456789abcdef",  # noqa: S106 - of a pass over files
    trigger="logon",
    scope="all",
    goal=State.ENCRYPTED,
    ended=1_800_000_000.25,
    seconds=1.5,
    complete=True,
    partial=True,
    stopped=False,
    converted=12,
    converted_bytes=2**62,
    right=3,
    right_bytes=5,
    pending=2,
    failed=1,
    untouched=4,
    other_key=6,
    error="busy",
    reasons={"open_elsewhere": 2, "no_permission": 1},
)

USER = UserRecord(1000, "alice", PASS, {"open_elsewhere": 2})


def opened(path: Path) -> tuple[Database, Events]:
    """Open it."""
    return Database.open(str(path))


def reopened(path: Path) -> tuple[CacheRecord, tuple[UserRecord, ...], Events]:
    """Open it and return what is remembered, and what there is to be logged."""
    database, events = opened(path)
    with closing(database):
        assert database.problem == ""
        return database.cache, database.users(), events


def by_hand(path: Path, script: str) -> None:
    """Do something to the file without us."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
