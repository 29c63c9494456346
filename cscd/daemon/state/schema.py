"""The tables of the database, form after form.

The number of a form is kept in the file (``PRAGMA user_version``). A new file goes through all forms, an
older one through those that it lacks, each in one transaction: a crash leaves the form before or after.
What was released is never changed here; a change is a new form at the end.
"""

import sqlite3
from typing import Final

FORMS: Final = (
    """
    CREATE TABLE cache (
        id INTEGER PRIMARY KEY CHECK (id = 0),
        chosen TEXT,
        state TEXT,
        policy TEXT
    );
    INSERT INTO cache (id) VALUES (0);
    CREATE TABLE user (
        uid INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        pending TEXT NOT NULL
    );
    CREATE TABLE pass (
        uid INTEGER PRIMARY KEY,
        pass_id TEXT NOT NULL,
        trigger TEXT NOT NULL,
        scope TEXT NOT NULL,
        goal TEXT NOT NULL,
        ended REAL NOT NULL,
        seconds REAL NOT NULL,
        complete INTEGER NOT NULL,
        partial INTEGER NOT NULL,
        stopped INTEGER NOT NULL,
        converted INTEGER NOT NULL,
        converted_bytes INTEGER NOT NULL,
        right INTEGER NOT NULL,
        right_bytes INTEGER NOT NULL,
        pending INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        untouched INTEGER NOT NULL,
        other_key INTEGER NOT NULL,
        error TEXT NOT NULL,
        reasons TEXT NOT NULL
    );
    """,
    # The recovery recipients last in force, so that a change of them is noticed over a restart, too.
    """
    ALTER TABLE cache ADD COLUMN recovery TEXT;
    """,
    # What came of the last try of the recovery key.
    """
    ALTER TABLE cache ADD COLUMN drill TEXT;
    """,
)
"""For each form the statements that make it of the one before; form 1 is made of nothing."""

NEWEST: Final = len(FORMS)
"""The number of the form that this version uses."""


def form_of(connection: sqlite3.Connection) -> int:
    """Return the number of the form of a database, 0 for one without tables."""
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    return int(number)


def migrate(connection: sqlite3.Connection, before: int) -> None:
    """Bring a database from the form `before` to the newest one."""
    for number in range(before, NEWEST):
        try:
            # executescript() ends the transaction that it finds, so it brings its own.
            connection.executescript(
                f"BEGIN IMMEDIATE; {FORMS[number]} PRAGMA user_version = {number + 1}; COMMIT;"
            )
        except BaseException:
            if connection.in_transaction:
                connection.rollback()
            raise
