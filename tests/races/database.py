"""SQLite on an item: an application that locks, maps, and keeps a journal beside the item."""

import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tests.races.application import Application, Known
from tests.races.content import final


class Database(Application):
    """Inserts rows, several processes into the same databases; every other one has a write-ahead log."""

    kind = "database"
    items = 8

    @classmethod
    def prepare(cls, directory: Path, rng: random.Random) -> None:
        """Make the databases."""
        for number, name in enumerate(cls.names()):
            with closing(sqlite3.connect(directory / name)) as database:
                if number % 2:
                    database.execute("PRAGMA journal_mode = WAL")
                database.execute("CREATE TABLE rows (application INTEGER, number INTEGER)")
                database.executemany("INSERT INTO rows VALUES (-1, ?)", [(rng.random(),)] * 500)
                database.commit()

    def work(self, name: str) -> bool:
        """Commit one row. The item is held open meanwhile, and closed after SQLite's own descriptors."""
        fd = self.open_plain(name, os.O_RDONLY)
        if fd is None:
            return False
        try:
            return self._insert(name)
        finally:
            os.close(fd)

    def _insert(self, name: str) -> bool:
        """Insert; False where SQLite refuses: the path leads to the encrypted version, or somebody locks."""
        count = self.known.get(name, 0)
        with closing(sqlite3.connect(self.directory / name, timeout=5.0)) as database:
            try:
                database.execute("PRAGMA synchronous = OFF")
                database.execute("INSERT INTO rows VALUES (?, ?)", (self.number, count))
                database.commit()
            except sqlite3.DatabaseError as error:
                if "malformed" in str(error):
                    self.fail(name, str(error))
                return False
        self.known[name] = count + 1
        return True

    @classmethod
    def check(cls, directory: Path, known: list[Known]) -> Iterator[str]:
        """The databases are sound and every row committed is there once."""
        for name in cls.names():
            final(directory / name)
            with closing(sqlite3.connect(directory / name)) as database:
                if (sound := database.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
                    yield f"{directory.name}/{name}: {sound}"
                for number, entry in enumerate(known):
                    query = "SELECT number FROM rows WHERE application = ? ORDER BY number"
                    found = [row[0] for row in database.execute(query, (number,))]
                    if found != list(range(entry.get(name, 0))):
                        yield f"{directory.name}/{name}: {len(found)} rows of {entry.get(name, 0)}"
