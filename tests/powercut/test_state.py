"""Keys and the state database when the power goes right after they were told to be durable.

The disk loses whatever it was not told to flush, see `tests.powercut.disk`. The hardest moment is the first
one after the promise, so that is where the power is cut, each time.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cscd.age import X25519Identity
from cscd.daemon.state.damage import sync_directory
from cscd.daemon.state.database import Database
from cscd.daemon.state.records import CacheRecord, UserRecord
from cscd.files.goal import State
from cscd.keys import UserKeys, UserSecrets, machine_key
from tests.powercut.disk import Disk, disk
from tests.support.mounts import EXT4, XFS, Kind

pytestmark = [pytest.mark.root, pytest.mark.powercut]

ROUNDS = 6
"""Of each, on each filesystem."""


@pytest.fixture(params=[EXT4, XFS], ids=lambda kind: kind.name)
def cached(request: pytest.FixtureRequest, common_path: Path) -> Iterator[Disk]:
    """Give a disk with a cache that a cut empties."""
    kind: Kind = request.param
    with disk(kind, common_path, cached=True) as made:
        yield made


def cut(disk: Disk, number: int, check: Callable[[Path], None]) -> None:
    """Cut the power, and look at what is there when it is back."""
    with disk.cut(number).mounted() as point:
        check(point)


def test_a_key_that_was_told_is_there_with_its_identity(cached: Disk) -> None:
    """The machine key, and every user's that somebody may have encrypted to."""
    machine = machine_key(None, "none", str(private(cached) / "machine.key"))
    for uid in range(ROUNDS):
        key, made = UserSecrets(str(private(cached) / "keys"), uid).make(machine)
        assert made

        def check(point: Path, uid: int = uid, told: object = key) -> None:
            found = machine_key(None, "none", str(point / "own" / "machine.key"), may_make=False)
            keys = str(point / "own" / "keys")
            assert UserKeys(keys).current(uid) == told
            opened = UserSecrets(keys, uid).unlock(found)
            assert [each.recipient for each in opened] == [getattr(told, "recipient", None)]

        cut(cached, uid, check)


def test_a_committed_state_is_there(cached: Disk) -> None:
    """From the first one on, which also made the file; and with it every user's record."""
    database, _ = Database.open(str(private(cached) / "state.db"))
    with closing(database):
        for number in range(ROUNDS):
            record = CacheRecord(State.ENCRYPTED if number % 2 else State.UNENCRYPTED)
            assert database.commit(record) == ()
            users = database.users()

            def check(
                point: Path, record: CacheRecord = record, users: tuple[UserRecord, ...] = users
            ) -> None:
                found, events = Database.open(str(point / "own" / "state.db"))
                with closing(found):
                    assert (found.cache, found.users(), events) == (record, users, ())

            cut(cached, number, check)
            assert database.keep_user(UserRecord(number, f"user-{number}")) == ()


def test_a_cut_loses_what_was_not_flushed(cached: Disk) -> None:
    """The disk of these tests is as bad as they say: a key written without a flush is not there."""
    (private(cached) / "machine.key").write_text(X25519Identity.generate().encode())

    def check(point: Path) -> None:
        file = point / "own" / "machine.key"
        assert not file.exists() or not file.read_bytes()

    cut(cached, 0, check)


def private(disk: Disk) -> Path:
    """Return a directory on the disk that only root writes to, durable itself."""
    path = disk.point / "own"
    if not path.exists():
        path.mkdir(mode=0o700)
        sync_directory(str(path))
    return path
