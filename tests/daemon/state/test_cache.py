"""The cache-wide state, with a real database."""

from pathlib import Path

import pytest

from cscd.age import X25519Identity
from cscd.config.settings import EncryptionSettings
from cscd.daemon.state.cache import Cache
from cscd.daemon.state.database import Database
from cscd.events.log import Log
from cscd.files.goal import State
from tests.daemon.peer import Kept

RECIPIENT = str(X25519Identity.generate().recipient)


class Machine:
    """A machine whose service starts, perhaps again and again."""

    def __init__(self, directory: Path) -> None:
        directory.chmod(0o700)
        self._path = str(directory / "state.db")
        self.kept = Kept()

    def start(self, settings: EncryptionSettings) -> tuple[Cache, Database]:
        """Start with settings; the database is to be closed."""
        database, _ = Database.open(self._path)
        cache = Cache(settings, database, Log([self.kept]))
        cache.apply(settings)
        return cache, database

    @property
    def told(self) -> list[str]:
        """What was told, without what is said at every start."""
        return [record.event for record in self.kept.records if record.event != "recovery_missing"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine on which the service never ran."""
    return Machine(tmp_path)


def test_the_first_start_takes_the_configured_state_and_tells_nothing(machine: Machine) -> None:
    """Nothing has changed."""
    cache, database = machine.start(EncryptionSettings(initial_state="unencrypted"))
    assert cache.state is State.UNENCRYPTED
    assert machine.told == []
    database.close()


def test_a_policy_that_was_set_meanwhile_changes_the_state_at_the_next_start(machine: Machine) -> None:
    """Both changes are told, with what was before."""
    machine.start(EncryptionSettings(initial_state="unencrypted"))[1].close()
    cache, database = machine.start(EncryptionSettings(policy="encrypted"))
    assert cache.state is State.ENCRYPTED
    assert machine.told == ["policy_changed", "state_changed"]
    database.close()


def test_a_policy_that_is_taken_back_leaves_the_state_as_it_was(machine: Machine) -> None:
    """Over a restart, too."""
    machine.start(EncryptionSettings(policy="unencrypted"))[1].close()
    cache, database = machine.start(EncryptionSettings(initial_state="encrypted"))
    assert cache.state is State.UNENCRYPTED
    database.close()
    cache, database = machine.start(EncryptionSettings(initial_state="encrypted"))
    assert cache.state is State.UNENCRYPTED
    database.close()


def test_encrypting_without_anybody_who_could_recover_is_told_each_time(machine: Machine) -> None:
    """Loudly, until a recipient is set or nothing is encrypted."""
    settings = EncryptionSettings(policy="encrypted")
    cache, database = machine.start(settings)
    cache.apply(settings)
    assert [record.event for record in machine.kept.records].count("recovery_missing") == 2
    cache.apply(EncryptionSettings(policy="encrypted", recovery_recipients=(RECIPIENT,)))
    assert [record.event for record in machine.kept.records].count("recovery_missing") == 2
    assert machine.told[-1] == "recovery_changed"
    assert cache.recovery == (RECIPIENT,)
    database.close()


def test_whether_it_is_partial_is_told_when_that_changes(machine: Machine) -> None:
    """Not at the first time, for nothing was known before, and not when nothing changes."""
    cache, database = machine.start(EncryptionSettings())
    for partial in (True, True, False, False, True):
        cache.judge(partial=partial)
    told = [record.fields for record in machine.kept.records if record.event == "encryption_changed"]
    assert [(each["was_partial"], each["is_partial"]) for each in told] == [(True, False), (False, True)]
    database.close()
