"""A damaged database: told from a whole one, set aside under a name of its own, begun anew."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cscd.daemon.state.damage import set_aside
from cscd.daemon.state.records import CacheRecord, UserRecord
from cscd.events.service import DatabaseDamaged, DatabaseMigrated
from tests.daemon.remembered import CACHE, USER, by_hand, opened, reopened
from tests.support.users import User


def assert_set_aside(path: Path, number: int = 1) -> None:
    """It is told, kept as it was, and begun anew; and that only once."""
    content = path.read_bytes()
    cache, users, (event,) = reopened(path)
    assert (cache, users) == (CacheRecord(), ())
    assert isinstance(event, DatabaseDamaged)
    assert (event.path, event.kept_as) == (str(path), f"{path}.damaged-{number}")
    assert event.error
    assert Path(event.kept_as).read_bytes() == content
    assert reopened(path)[2] == ()


@pytest.mark.parametrize("size", [0, 1, 15, 16, 99, 100, 512, 4095, 4096, 4097, 8192, 12_288])
def test_a_truncated_file_is_set_aside(filled: Path, size: int) -> None:
    """Wherever it ends."""
    assert size < filled.stat().st_size
    os.truncate(filled, size)
    assert_set_aside(filled)


@pytest.mark.parametrize("content", [b"x", b"\0" * 8192, b"garbage\n" * 2000, b"SQLite format 3\0" * 1000])
def test_garbage_is_set_aside(filled: Path, content: bytes) -> None:
    """Whatever it is."""
    filled.write_bytes(content)
    assert_set_aside(filled)


def test_a_page_of_garbage_is_found(filled: Path) -> None:
    """Also a page that holds no table of ours yet: the whole file is looked through."""
    size = filled.stat().st_size
    for page in range(1, size // 4096):
        with filled.open("r+b") as file:
            file.seek(page * 4096)
            file.write(os.urandom(4096))
        assert_set_aside(filled, page)
        database, _ = opened(filled)
        database.commit(CACHE)
        database.keep_user(USER)
        database.close()


@given(st.lists(st.tuples(st.integers(0, 2**14 - 1), st.binary(min_size=1, max_size=64)), max_size=8))
def test_whatever_was_changed_the_service_starts(changes: list[tuple[int, bytes]]) -> None:
    """With what the file holds, where that still makes sense, or without; and then it remembers again."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "state.db")
        database, _ = opened(path)
        database.commit(CACHE)
        database.keep_user(USER)
        database.close()
        content = bytearray(path.read_bytes())
        for place, data in changes:
            content[place : place + len(data)] = data
        path.write_bytes(content)
        database, events = opened(path)
        assert all(isinstance(event, DatabaseDamaged | DatabaseMigrated) for event in events)
        assert database.commit(CACHE) == ()
        database.close()
        assert reopened(path)[0] == CACHE


@pytest.mark.parametrize(
    "script",
    [
        "DROP TABLE pass;",
        "DELETE FROM cache;",
        "ALTER TABLE user RENAME COLUMN name TO called;",
        "UPDATE cache SET chosen = 'both';",
        "UPDATE cache SET policy = 'none';",
        "UPDATE cache SET recovery = '7';",
        "UPDATE cache SET recovery = '[7]';",
        "UPDATE user SET name = x'ff';",
        "UPDATE user SET name = CAST(x'ff' AS TEXT);",
        "UPDATE user SET uid = -1;",
        "UPDATE user SET pending = '[]';",
        "UPDATE user SET pending = '{\"reason\": 1.5}';",
        "UPDATE pass SET goal = 'whatever';",
        "UPDATE pass SET ended = 'yesterday';",
        "UPDATE pass SET converted = -1;",
        "UPDATE pass SET converted = 1.5;",
        "UPDATE pass SET reasons = '{';",
        "UPDATE pass SET reasons = '';",
    ],
)
def test_what_makes_no_sense_is_damage(filled: Path, script: str) -> None:
    """Although SQLite has nothing to say about it."""
    by_hand(filled, script)
    assert_set_aside(filled)


def test_a_journal_goes_with_its_file(filled: Path) -> None:
    """Left behind, it would be rolled back into the new one."""
    Path(f"{filled}-journal").write_bytes(b"left of it")
    assert set_aside(str(filled)) == f"{filled}.damaged-1"
    assert Path(f"{filled}.damaged-1-journal").read_bytes() == b"left of it"
    assert not Path(f"{filled}-journal").exists()


def test_each_damaged_file_gets_a_name_of_its_own(filled: Path) -> None:
    """None is replaced, also where the numbers have gaps."""
    for number in (1, 2):
        filled.write_bytes(b"garbage %d" % number)
        assert_set_aside(filled, number)
    Path(f"{filled}.damaged-1").unlink()
    filled.write_bytes(b"garbage 3")
    assert_set_aside(filled, 3)
    assert Path(f"{filled}.damaged-2").read_bytes() == b"garbage 2"


@pytest.mark.parametrize("kind", ["link", "directory", "fifo"])
def test_what_is_no_file_is_set_aside(path: Path, kind: str, tmp_path: Path) -> None:
    """And what a link leads to is neither read nor changed."""
    (tmp_path / "elsewhere").write_bytes(b"somebody's")
    if kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "directory":
        path.mkdir()
    else:
        os.mkfifo(path)
    _, _, (event,) = reopened(path)
    assert isinstance(event, DatabaseDamaged)
    assert os.path.lexists(event.kept_as)
    assert (tmp_path / "elsewhere").read_bytes() == b"somebody's"


@pytest.mark.root
def test_a_file_of_somebody_else_is_set_aside(filled: Path, mallory: User) -> None:
    """Whoever could write it could choose the state."""
    os.chown(filled, mallory.uid, mallory.gid)
    assert_set_aside(filled)


def test_damage_at_run_time_loses_nothing(filled: Path) -> None:
    """What is in memory goes into the new file."""
    database, _ = opened(filled)
    with filled.open("r+b") as file:
        file.write(b"garbage" * 4000)
    newer = UserRecord(1001, "bob")
    (event,) = database.keep_user(newer)
    assert isinstance(event, DatabaseDamaged)
    database.close()
    assert reopened(filled) == (CACHE, (USER, newer), ())


def test_what_a_killed_maker_left_is_no_hindrance(path: Path) -> None:
    """A new file is made under another name first."""
    Path(f"{path}.new").write_bytes(b"half")
    Path(f"{path}.new-journal").write_bytes(b"half")
    Path(f"{path}-journal").write_bytes(b"of a file that somebody removed")
    assert reopened(path) == (CacheRecord(), (), ())
    assert not Path(f"{path}.new").exists()
