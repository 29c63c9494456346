"""Keys and the state database, killed or failing at every system call: no key is lost, no record is half."""

import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from cscd.age import X25519Identity
from cscd.daemon.state.database import Database
from cscd.daemon.state.records import CacheRecord, UserRecord
from cscd.daemon.state.schema import FORMS
from cscd.errors import DatabaseError, KeyFileError
from cscd.events.service import DatabaseDamaged, DatabaseUnwritable
from cscd.files.goal import State
from cscd.keys import MachineKey, UserKeys, UserSecrets, machine_key
from tests.crash.injection import Ended, points, traced
from tests.crash.subject import IDENTITY
from tests.crash.test_crash import NOT_FILES
from tests.support import requires

pytestmark = pytest.mark.crash

ERRORS: Final = ("ENOSPC", "EIO")
MACHINE: Final = MachineKey(IDENTITY, "/nowhere")
UID: Final = 1000
BEFORE: Final = CacheRecord(State.ENCRYPTED, State.ENCRYPTED, "user-controlled", ())
AFTER: Final = CacheRecord(State.UNENCRYPTED, State.UNENCRYPTED, "user-controlled", ())
ALICE: Final = UserRecord(UID, "alice")


@dataclass(frozen=True, slots=True)
class Case:
    """Something that must hold, whatever happens on the way."""

    prepare: Callable[[Path], None]
    act: Callable[[Path], None]
    """Does it; leaves a file "done" where it had to succeed."""
    check: Callable[[Path], None]
    """Asserts what must hold afterwards, and that doing it again works."""


def nothing(_: Path) -> None:
    """Prepare nothing."""


def make_user_key(path: Path) -> None:
    """Make a user's key, and note whom somebody would encrypt to from then on."""
    with suppress(KeyFileError):
        key, _ = UserSecrets(str(path / "keys"), UID).make(MACHINE)
        note(path, str(key.recipient))


def check_user_key(path: Path) -> None:
    """Whom anybody can have encrypted to has a whole identity; nothing half is taken for a key."""
    secrets = UserSecrets(str(path / "keys"), UID)
    named = UserKeys(str(path / "keys")).current(UID)
    opened = {str(each.recipient) for each in secrets.unlock(MACHINE)}
    if named:
        assert str(named.recipient) in opened
    if noted := read_note(path):
        assert named
        assert noted == str(named.recipient)
    again, made = secrets.make(MACHINE)
    assert made is (named is None)
    assert str(again.recipient) == str(secrets.unlock(MACHINE)[0].recipient)
    assert opened <= {str(each.recipient) for each in secrets.unlock(MACHINE)}


def make_machine_key(path: Path) -> None:
    """Make the machine key."""
    with suppress(KeyFileError):
        note(path, str(machine_key(None, "none", str(path / "machine.key")).identity.recipient))


def check_machine_key(path: Path) -> None:
    """It is whole or not there; whoever was given one gets it again."""
    file = path / "machine.key"
    content = file.read_bytes() if file.exists() else None
    found = machine_key(None, "none", str(file))
    assert found.made is (content is None)
    assert content in (None, file.read_bytes())
    assert X25519Identity.parse(file.read_text().splitlines()[-1]).recipient == found.identity.recipient
    assert read_note(path) in ("", str(found.identity.recipient))


def make_database(path: Path) -> None:
    """Make a database and commit a record."""
    commit(path, AFTER)


def check_made_database(path: Path) -> None:
    """It knows nothing, or what was committed."""
    assert remembered(path) in ((AFTER, ()), *(() if read_note(path) else ((CacheRecord(), ()),)))


def prepare_database(path: Path) -> None:
    """Make one that remembers the state before, and a user."""
    database, _ = Database.open(str(path / "state.db"))
    with closing(database):
        database.commit(BEFORE)
        database.keep_user(ALICE)


def check_database(path: Path) -> None:
    """It has the state before or after, and after if that was told; the user in any case."""
    allowed = [AFTER] if read_note(path) else [BEFORE, AFTER]
    cache, users = remembered(path)
    assert cache in allowed
    assert users == (ALICE,)


def prepare_old_database(path: Path) -> None:
    """Make one of the first form."""
    with closing(sqlite3.connect(path / "state.db")) as connection:
        connection.executescript(FORMS[0])
        connection.executescript(
            "PRAGMA user_version = 1; INSERT INTO user VALUES (1000, 'alice', '{}');"
            " UPDATE cache SET chosen = 'encrypted', state = 'encrypted', policy = 'user-controlled';"
        )


def check_old_database(path: Path) -> None:
    """As above; what the first form did not have is not known."""
    cache, users = remembered(path)
    assert cache in (CacheRecord(State.ENCRYPTED, State.ENCRYPTED, "user-controlled"), AFTER)
    assert users == (ALICE,)
    assert cache == AFTER or not read_note(path)


def prepare_damaged_database(path: Path) -> None:
    """Make one that is none."""
    (path / "state.db").write_bytes(b"garbage" * 1000)


def check_damaged_database(path: Path) -> None:
    """The damaged file is somewhere, as it was; and a new one is there or is made."""
    kept = [each for each in path.iterdir() if each.read_bytes() == b"garbage" * 1000]
    assert len(kept) == 1
    database, events = Database.open(str(path / "state.db"))
    with closing(database):
        assert database.cache in ((AFTER,) if read_note(path) else (CacheRecord(), AFTER))
        told = [event for event in events if isinstance(event, DatabaseDamaged)]
        assert len(told) == (kept[0].name == "state.db")
    assert len([each for each in path.iterdir() if each.read_bytes() == b"garbage" * 1000]) == 1


CASES: Final = {
    "user key": Case(nothing, make_user_key, check_user_key),
    "machine key": Case(nothing, make_machine_key, check_machine_key),
    "new database": Case(nothing, make_database, check_made_database),
    "database": Case(prepare_database, make_database, check_database),
    "old database": Case(prepare_old_database, make_database, check_old_database),
    "damaged database": Case(prepare_damaged_database, make_database, check_damaged_database),
}


def commit(path: Path, record: CacheRecord) -> None:
    """Commit a record; note it when it is said to be durable."""
    database, _ = Database.open(str(path / "state.db"))
    with suppress(DatabaseError):
        database.commit(record)
        note(path, "committed")
    # A process that ends closes everything; with an error in that nobody is left to care.
    with suppress(OSError, sqlite3.Error):
        database.close()


def remembered(path: Path) -> tuple[CacheRecord, tuple[UserRecord, ...]]:
    """What a new start remembers; it has nothing to complain of."""
    database, events = Database.open(str(path / "state.db"))
    with closing(database):
        assert not any(isinstance(event, DatabaseDamaged) for event in events)
        assert database.problem == ""
        return database.cache, database.users()


def note(path: Path, text: str) -> None:
    """Leave a word beside the directory that it was done: it is written whole, or nothing is."""
    with suppress(OSError):
        fd = os.open(f"{path}.done", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.write(fd, text.encode())


def read_note(path: Path) -> str:
    """Return that word, "" if there is none."""
    file = Path(f"{path}.done")
    return file.read_text() if file.exists() else ""


def act_traced(case: Case, path: Path, inject: str = "") -> Ended:
    """Do it under strace in a new directory."""
    path.mkdir(mode=0o700)
    case.prepare(path)

    def run(ready: Callable[[], None]) -> None:
        ready()
        case.act(path)

    return traced(run, path.with_suffix(".trace"), inject)


def try_all(case: Case, injections: list[str], directory: Path, codes: tuple[int, ...]) -> int:
    """Do it once with each injection, and check; returns how many were reached."""
    hit = 0
    for number, inject in enumerate(injections):
        path = directory / f"{number}"
        ended = act_traced(case, path, inject)
        assert ended.code in codes, f"{inject}: ended with {ended.code}"
        hit += ended.hit
        try:
            case.check(path)
        except Exception as error:
            error.add_note(f"after {inject}")
            raise
    return hit


@pytest.fixture(params=CASES, ids=lambda name: name.replace(" ", "-"))
def case(request: pytest.FixtureRequest) -> Case:
    """Choose one."""
    requires.command("strace")
    return CASES[request.param]


def test_killed_at_every_call(case: Case, tmp_path: Path) -> None:
    """Killed at any system call, nothing is lost or half, and doing it again works."""
    ended = act_traced(case, tmp_path / "dry")
    assert ended.code == 0
    assert read_note(tmp_path / "dry")
    case.check(tmp_path / "dry")
    killed_at = [f"{point.call}:signal=KILL:when={point.number}" for point in points(ended.trace)]
    assert try_all(case, killed_at, tmp_path, (0, -signal.SIGKILL)) >= 0.9 * len(killed_at)


@pytest.mark.parametrize("error", ERRORS)
def test_failed_at_every_call(case: Case, tmp_path: Path, error: str) -> None:
    """When any system call fails once, the same holds, and nobody crashes."""
    found = [
        point for point in points(act_traced(case, tmp_path / "dry").trace) if point.call not in NOT_FILES
    ]
    failed_at = [f"{point.call}:error={error}:when={point.number}" for point in found]
    assert try_all(case, failed_at, tmp_path, (0,)) >= 0.9 * len(failed_at)


def test_a_disk_that_cannot_be_read_does_not_stop_the_service(tmp_path: Path) -> None:
    """It goes on in memory and says so; the file is kept as it is, for when the disk is whole again."""
    requires.command("strace")
    path = tmp_path / "state"
    path.mkdir()
    prepare_database(path)
    content = (path / "state.db").read_bytes()

    def run(ready: Callable[[], None]) -> None:
        ready()
        database, events = Database.open(str(path / "state.db"))
        assert [type(event) for event in events] == [DatabaseDamaged, DatabaseUnwritable]
        assert database.cache == CacheRecord()
        assert database.problem
        database.keep_user(ALICE)
        assert database.user(UID) == ALICE
        with pytest.raises(DatabaseError):
            database.commit(AFTER)

    ended = traced(run, tmp_path / "trace", "pread64:error=EIO:when=1+")
    assert ended.code == 0
    assert (path / "state.db.damaged-1").read_bytes() == content


def test_a_commit_ends_with_a_sync(tmp_path: Path) -> None:
    """After the last write to the file and to its journal, which ends the transaction."""
    requires.command("strace")
    ended = act_traced(CASES["database"], tmp_path / "state")
    changes = ("pwrite64", "ftruncate", "fdatasync", "fsync")
    calls = [point.call for point in points(ended.trace) if point.call in changes]
    assert calls.index("pwrite64") < calls.index("ftruncate")
    assert calls[-2:] in (["ftruncate", "fdatasync"], ["ftruncate", "fsync"])


def test_a_key_is_on_the_medium_before_the_next_name_is_given(tmp_path: Path) -> None:
    """Private half, public half, current: each is synced with its name before the next can be seen."""
    requires.command("strace")
    trace = act_traced(CASES["user key"], tmp_path / "keys").trace
    calls = [
        point.call for point in points(trace) if point.call in ("linkat", "renameat", "fsync", "mkdirat")
    ]
    assert calls[:4] == ["mkdirat", "fsync", "mkdirat", "fsync"]
    assert calls[4:] == [
        *["fsync", "renameat", "fsync"],
        "fsync",
        "linkat",
        "fsync",
        *["fsync", "renameat", "fsync"],
    ]
