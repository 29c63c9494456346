"""Fixtures of the service's tests: a state database."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cscd.daemon.state.database import Database
from tests.daemon.remembered import CACHE, USER, opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Say where the database is to be."""
    directory = tmp_path / "state"
    directory.mkdir(mode=0o711)
    return directory / "state.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """Give an empty one, open."""
    database, events = Database.open(str(path))
    assert events == ()
    with closing(database):
        yield database


@pytest.fixture
def filled(path: Path) -> Path:
    """Give the file of one that holds something and was closed."""
    remembered = opened(path)[0]
    remembered.commit(CACHE)
    remembered.keep_user(USER)
    remembered.close()
    return path
