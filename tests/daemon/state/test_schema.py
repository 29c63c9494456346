"""The forms of the database: an older one is brought to the newest, a newer one is not touched."""

import sqlite3
from contextlib import closing
from pathlib import Path

from cscd.daemon.state.records import CacheRecord, UserRecord
from cscd.daemon.state.schema import NEWEST
from cscd.events.service import DatabaseDamaged, DatabaseMigrated
from cscd.files.goal import State
from tests.daemon.remembered import USER, by_hand, reopened

FORM_1 = """
    CREATE TABLE cache (id INTEGER PRIMARY KEY CHECK (id = 0), chosen TEXT, state TEXT, policy TEXT);
    INSERT INTO cache VALUES (0, 'unencrypted', 'encrypted', 'encrypted');
    CREATE TABLE user (uid INTEGER PRIMARY KEY, name TEXT NOT NULL, pending TEXT NOT NULL);
    INSERT INTO user VALUES (1000, 'alice', '{"open_elsewhere": 2}'), (1001, 'bob', '{}');
    CREATE TABLE pass (
        uid INTEGER PRIMARY KEY, pass_id TEXT NOT NULL, trigger TEXT NOT NULL, scope TEXT NOT NULL,
        goal TEXT NOT NULL, ended REAL NOT NULL, seconds REAL NOT NULL, complete INTEGER NOT NULL,
        partial INTEGER NOT NULL, stopped INTEGER NOT NULL, converted INTEGER NOT NULL,
        converted_bytes INTEGER NOT NULL, right INTEGER NOT NULL, right_bytes INTEGER NOT NULL,
        pending INTEGER NOT NULL, failed INTEGER NOT NULL, untouched INTEGER NOT NULL,
        other_key INTEGER NOT NULL, error TEXT NOT NULL, reasons TEXT NOT NULL
    );
    INSERT INTO pass VALUES (1000, '0123456789abcdef', 'logon', 'all', 'encrypted', 1800000000.25, 1.5,
        1, 1, 0, 12, 4611686018427387904, 3, 5, 2, 1, 4, 6, 'busy',
        '{"open_elsewhere": 2, "no_permission": 1}');
    PRAGMA user_version = 1;
"""
"""As the first version made it."""


def test_a_file_of_the_first_form_is_migrated(path: Path) -> None:
    """Nothing of it is lost, and it is told once."""
    by_hand(path, FORM_1)
    cache = CacheRecord(State.UNENCRYPTED, State.ENCRYPTED, "encrypted")
    users = (USER, UserRecord(1001, "bob"))
    assert reopened(path) == (cache, users, (DatabaseMigrated(before=1, after=NEWEST),))
    assert reopened(path) == (cache, users, ())


def test_a_migrated_file_is_like_a_new_one(path: Path, tmp_path: Path) -> None:
    """Column by column, so that later forms find the same."""

    def tables(file: Path) -> set[tuple[str, str]]:
        with closing(sqlite3.connect(file)) as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema")]
            return {
                (name, str(row)) for name in names for row in connection.execute(f"PRAGMA table_info({name})")
            }

    by_hand(path, FORM_1)
    reopened(path)
    (tmp_path / "new").mkdir()
    reopened(tmp_path / "new" / "state.db")
    assert tables(path) == tables(tmp_path / "new" / "state.db")


def test_a_file_from_the_future_is_set_aside(filled: Path) -> None:
    """What its tables mean is not ours to guess; the newer version can have it back."""
    by_hand(filled, "PRAGMA user_version = 99;")
    content = filled.read_bytes()
    cache, users, (event,) = reopened(filled)
    assert (cache, users) == (CacheRecord(), ())
    assert isinstance(event, DatabaseDamaged)
    assert "form is 99" in event.error
    assert Path(event.kept_as).read_bytes() == content
