"""What the service remembers: durable, bounded, brought to newer forms, and never what stops it."""

import errno
import os
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cscd.daemon import database as module
from cscd.daemon.damage import set_aside
from cscd.daemon.database import Database, Events
from cscd.daemon.records import CacheRecord, PassRecord, UserRecord
from cscd.errors import BusyError, DatabaseError
from cscd.events.service import DatabaseDamaged, DatabaseMigrated, DatabaseUnwritable, DatabaseWritable
from cscd.files.goal import State
from tests.support import forks, mounts
from tests.support.users import User

CACHE = CacheRecord(State.UNENCRYPTED, State.UNENCRYPTED, "user-controlled", ("age1one", "age1two"))

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


# -- remembering -----------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: UserRecord(2**32, "x"),
        lambda: UserRecord(-1, "x"),
        lambda: UserRecord(1, "x" * 257),
        lambda: UserRecord(1, "x", None, {"reason": -1}),
        lambda: UserRecord(1, "x", None, {f"reason-{number}": 1 for number in range(65)}),
        lambda: replace(PASS, trigger="x" * 65),
        lambda: replace(PASS, ended=float("nan")),
        lambda: replace(PASS, seconds=-1.0),
        lambda: replace(PASS, converted=2**63),
        lambda: CacheRecord(policy="whatever"),  # type: ignore[arg-type] # as a damaged file may hold
        lambda: CacheRecord(recovery=("x",) * 1025),
    ],
)
def test_a_record_is_bounded_where_it_is_made(wrong: object) -> None:
    """What a worker sends cannot fill the disk."""
    assert callable(wrong)
    with pytest.raises(ValueError, match="not"):
        wrong()


# -- forms -----------------------------------------------------------------------------------------


def test_a_file_of_the_first_form_is_migrated(path: Path) -> None:
    """Nothing of it is lost, and it is told once."""
    by_hand(path, FORM_1)
    cache = CacheRecord(State.UNENCRYPTED, State.ENCRYPTED, "encrypted")
    users = (USER, UserRecord(1001, "bob"))
    assert reopened(path) == (cache, users, (DatabaseMigrated(before=1, after=2),))
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


# -- damage ----------------------------------------------------------------------------------------


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


# -- surroundings ----------------------------------------------------------------------------------


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
    monkeypatch.setattr("cscd.daemon.statefile.TIMEOUT", 0.01)
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


def fill(path: Path) -> None:
    """Fill the disk to the last page."""

    def write() -> None:
        with path.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)

    with pytest.raises(OSError, match="No space left"):
        write()
