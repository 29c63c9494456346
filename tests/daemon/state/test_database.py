"""What the service remembers: durable, for one service alone, and whatever happens to its disk."""

import errno
import os
import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cscd.daemon.state import database as module
from cscd.daemon.state.database import Database
from cscd.daemon.state.records import CacheRecord, UserRecord
from cscd.errors import BusyError, DatabaseError
from cscd.events.service import DatabaseUnwritable, DatabaseWritable
from cscd.files.goal import State
from tests.daemon.remembered import CACHE, PASS, USER, opened, reopened
from tests.support import forks, mounts


def test_a_new_one_remembers_nothing(database: Database) -> None:
    """No state was chosen, nobody was there."""
    assert database.cache == CacheRecord()
    assert database.users() == ()
    assert database.user(1000) is None


def test_what_is_written_is_there_at_the_next_start(filled: Path) -> None:
    """To the last number."""
    assert reopened(filled) == (CACHE, (USER,), ())


def test_a_record_takes_the_place_of_the_one_before(filled: Path) -> None:
    """Also one that knows less."""
    database, _ = opened(filled)
    newer = UserRecord(USER.uid, "alice2", replace(PASS, trigger="retry", reasons={}))
    assert database.keep_user(newer) == ()
    assert database.assume(CacheRecord(policy="encrypted")) == ()
    database.close()
    assert reopened(filled) == (CacheRecord(policy="encrypted"), (newer,), ())


def test_a_user_without_a_pass_is_remembered(database: Database, path: Path) -> None:
    """The first pass may take hours."""
    database.keep_user(UserRecord(0, "root"))
    database.close()
    assert reopened(path)[1] == (UserRecord(0, "root"),)


def test_a_name_that_is_no_text_is_remembered_escaped(database: Database, path: Path) -> None:
    """The user database may hold any bytes."""
    database.keep_user(UserRecord(7, "b\udcf6se"))
    database.close()
    assert [user.name for user in reopened(path)[1]] == ["b\\udcf6se"]


def test_the_file_is_root_s_alone(filled: Path) -> None:
    """Whatever the umask; and nothing but it and its empty journal is there."""
    assert filled.stat().st_mode & 0o7777 == 0o600
    others = {each.name: each.stat().st_size for each in filled.parent.iterdir() if each != filled}
    assert others in ({}, {"state.db-journal": 0})


def test_a_file_that_others_can_read_is_closed_to_them(filled: Path) -> None:
    """They would learn who uses this computer."""
    filled.chmod(0o644)
    assert reopened(filled)[2] == ()
    assert filled.stat().st_mode & 0o7777 == 0o600


def test_a_commit_is_durable_when_it_returns(path: Path) -> None:
    """Killed right after it, the next start knows: nothing is left for a tidy end."""

    def commit_and_die() -> None:
        opened(path)[0].commit(CACHE)
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ChildProcessError, match="-9"):
        forks.call(commit_and_die, first=lambda: None)
    assert reopened(path)[0] == CACHE


def test_it_may_be_used_from_any_thread(database: Database, path: Path) -> None:
    """They wait for each other."""
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda uid: database.keep_user(UserRecord(uid, f"user-{uid}")), range(64)))
    assert told == [()] * 64
    database.close()
    assert [user.uid for user in reopened(path)[1]] == list(range(64))


def test_a_second_service_is_turned_away(database: Database, path: Path) -> None:
    """And may come when the first has gone."""
    with pytest.raises(BusyError, match="another cscd is at work"):
        opened(path)
    database.close()
    assert reopened(path)[2] == ()


def test_the_oldest_is_forgotten_beyond_the_limit(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose last pass ended first; in the file, too."""
    monkeypatch.setattr(module, "MOST_USERS", 3)
    for uid, ended in enumerate((30.0, 10.0, 20.0, 40.0)):
        database.keep_user(UserRecord(uid, "somebody", replace(PASS, ended=ended)))
    assert [user.uid for user in database.users()] == [0, 2, 3]
    database.close()
    assert [user.uid for user in reopened(path)[1]] == [0, 2, 3]


def test_without_its_directory_the_service_remembers_in_memory(tmp_path: Path) -> None:
    """It says so once, and writes everything when it can."""
    path = tmp_path / "nowhere" / "state.db"
    database, (event,) = opened(path)
    assert event == DatabaseUnwritable(path=str(path), error="No such file or directory")
    assert database.keep_user(USER) == ()
    assert database.assume(replace(CACHE, chosen=None)) == ()
    assert (database.user(1000), database.cache.policy) == (USER, "user-controlled")
    assert "No such file" in database.problem
    path.parent.mkdir()
    assert database.keep_user(UserRecord(1, "bob")) == (DatabaseWritable(path=str(path)),)
    assert database.problem == ""
    database.close()
    assert reopened(path) == (replace(CACHE, chosen=None), (UserRecord(1, "bob"), USER), ())


def test_a_commit_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    """The caller learns the number of the error; what is to be logged comes with the next call."""
    database, _ = opened(tmp_path / "nowhere" / "state.db")
    with pytest.raises(DatabaseError, match="No such file or directory") as caught:
        database.commit(CACHE)
    assert caught.value.errno == errno.ENOENT
    assert database.cache == CacheRecord()


def test_what_was_chosen_survives_a_start_that_could_not_read_it(filled: Path) -> None:
    """What the service assumed meanwhile is no choice of anybody's."""
    hidden = filled.parent.with_name("hidden")
    filled.parent.rename(hidden)
    database, _ = opened(filled)
    database.assume(CacheRecord(None, State.ENCRYPTED, "user-controlled", ()))
    with pytest.raises(DatabaseError):
        database.commit(CacheRecord(State.ENCRYPTED))
    hidden.rename(filled.parent)
    database.keep_user(UserRecord(1001, "bob"))
    assert database.cache == CacheRecord(State.UNENCRYPTED, State.ENCRYPTED, "user-controlled", ())
    assert database.users() == (USER, UserRecord(1001, "bob"))
    database.close()
    assert reopened(filled)[0].chosen is State.UNENCRYPTED


@pytest.mark.root
def test_a_full_disk_is_survived(tmp_path: Path) -> None:
    """A commit fails, the rest is remembered in memory and written when there is room."""
    with mounts.tmpfs(tmp_path / "full", size=256 << 10) as mount:
        mount.point.chmod(0o700)
        path = mount.point / "state.db"
        database, _ = opened(path)
        database.commit(CACHE)
        fill(mount.point / "ballast")
        told: list[object] = []
        while not told:  # until the pages that it has are full, too
            told += database.keep_user(replace(USER, uid=len(database.users()), name="x" * 250))
        assert [type(event) for event in told] == [DatabaseUnwritable]
        assert "full" in database.problem
        with pytest.raises(DatabaseError, match="full") as caught:
            database.commit(replace(CACHE, recovery=("x" * 250,) * 1000))
        assert caught.value.errno == errno.ENOSPC
        assert database.cache == CACHE
        users = database.users()
        (mount.point / "ballast").unlink()
        assert database.keep_user(USER) == (DatabaseWritable(path=str(path)),)
        database.close()
        assert reopened(path) == (CACHE, (*users, USER), ())


@pytest.mark.root
def test_a_disk_that_is_full_at_the_first_start_is_survived(tmp_path: Path) -> None:
    """No half file is left where the database is to be."""
    with mounts.tmpfs(tmp_path / "full", size=64 << 10) as mount:
        path = mount.point / "state.db"
        fill(mount.point / "ballast")
        database, (event,) = opened(path)
        assert isinstance(event, DatabaseUnwritable)
        assert not path.exists()
        (mount.point / "ballast").unlink()
        assert database.commit(CACHE) == (DatabaseWritable(path=str(path)),)
        database.close()
        assert reopened(path)[0] == CACHE


@pytest.mark.root
def test_a_read_only_disk_is_read_and_survived(tmp_path: Path) -> None:
    """What was remembered is known; what is new is written when the disk can be written again."""
    with mounts.tmpfs(tmp_path / "disk") as mount:
        path = mount.point / "state.db"
        database, _ = opened(path)
        database.commit(CACHE)
        database.close()
        mounts.run("mount", "-o", "remount,ro", mount.point)
        database, events = opened(path)
        assert (database.cache, events) == (CACHE, ())
        (event,) = database.keep_user(USER)
        assert isinstance(event, DatabaseUnwritable)
        with pytest.raises(DatabaseError) as caught:
            database.commit(CacheRecord())
        assert caught.value.errno == errno.EROFS
        assert (database.cache, database.user(1000)) == (CACHE, USER)
        mounts.run("mount", "-o", "remount,rw", mount.point)
        assert database.assume(replace(CACHE, policy="encrypted")) == (DatabaseWritable(path=str(path)),)
        database.close()
        assert reopened(path) == (replace(CACHE, policy="encrypted"), (USER,), ())


@pytest.mark.root
def test_a_read_only_disk_at_the_first_start_is_survived(tmp_path: Path) -> None:
    """There is nothing to be known."""
    with mounts.tmpfs(tmp_path / "disk") as mount:
        mounts.run("mount", "-o", "remount,ro", mount.point)
        database, (event,) = opened(mount.point / "state.db")
        assert isinstance(event, DatabaseUnwritable)
        assert "Read-only" in event.error
        database.close()


def test_a_reader_beside_us_is_waited_for(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An administrator with the sqlite3 shell; what waits too long is written with the next call."""
    monkeypatch.setattr("cscd.daemon.state.statefile.TIMEOUT", 0.01)
    database, _ = opened(filled)
    with closing(sqlite3.connect(filled, isolation_level=None)) as reader:
        reader.execute("BEGIN IMMEDIATE")
        (event,) = database.keep_user(UserRecord(1001, "bob"))
        assert isinstance(event, DatabaseUnwritable)
        assert "locked" in event.error
        reader.execute("ROLLBACK")
    assert database.keep_user(USER) == (DatabaseWritable(path=str(filled)),)
    database.close()
    assert reopened(filled)[1] == (USER, UserRecord(1001, "bob"))


def test_what_there_is_to_be_logged_is_not_lost_with_a_commit(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit raises; the next call returns what happened, in its order."""
    monkeypatch.setattr("cscd.daemon.state.statefile.TIMEOUT", 0.01)
    database, _ = opened(filled)
    with closing(sqlite3.connect(filled, isolation_level=None)) as reader:
        reader.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError, match="locked") as caught:
            database.commit(CacheRecord())
        reader.execute("ROLLBACK")
    assert caught.value.errno == errno.EBUSY
    assert database.cache == CACHE
    told = [type(event) for event in database.keep_user(USER)]
    assert told == [DatabaseUnwritable, DatabaseWritable]
    database.close()
    assert reopened(filled)[0] == CACHE


def fill(path: Path) -> None:
    """Fill the disk to the last page."""

    def write() -> None:
        with path.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)

    with pytest.raises(OSError, match="No space left"):
        write()
