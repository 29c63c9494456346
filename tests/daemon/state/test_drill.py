"""A recovery drill that somebody has held: logged, remembered, and taken from root alone."""

import asyncio
import base64
import os

import pytest

from cscd.age import HybridIdentity
from cscd.config.settings import EncryptionSettings
from cscd.daemon.logon.account import Accounts
from cscd.daemon.state.disk import Disk
from cscd.daemon.state.drill import held
from cscd.daemon.telling.answers import ServiceAnswers
from cscd.daemon.telling.requests import AskDrill
from cscd.events.log import Log
from cscd.worker.holder.reply import Refused
from tests.daemon import statuses
from tests.daemon.state.test_cache import RECIPIENT, Machine, machine

__all__ = ["machine"]

SETTINGS = EncryptionSettings(policy="encrypted", recovery_recipients=(RECIPIENT,))


def drill(failed: int = 0, recipient: str = RECIPIENT) -> AskDrill:
    """A drill on 100 items."""
    path = base64.b64encode(b"/home/alice/\xff").decode() if failed else ""
    reason = "no_identity" if failed else ""
    return AskDrill(ask="drill", recipients=(recipient,), items=100, failed=failed, path=path, reason=reason)


def hold(machine: Machine, asked: AskDrill, settings: EncryptionSettings = SETTINGS) -> bool:
    """Start the service, hold the drill, and stop it."""
    cache, database = machine.start(settings)
    disk = Disk("test")
    try:
        return asyncio.run(held(asked, cache, disk, Log([machine.kept])))
    finally:
        disk.close()
        database.close()


@pytest.mark.parametrize("failed", [0, 7])
def test_a_drill_is_logged_and_remembered_over_a_restart(machine: Machine, failed: int) -> None:
    """With its date and its result."""
    assert hold(machine, drill(failed))
    assert machine.told == [f"recovery_drill_{'failed' if failed else 'passed'}"]
    fields = machine.kept.records[-1].fields
    assert (fields["items"], fields.get("failed", 0)) == (100, failed)
    cache, database = machine.start(SETTINGS)
    found = cache.drill
    database.close()
    assert found is not None
    assert (found.items, found.failed) == (100, failed)
    assert found.at > 1_700_000_000


def test_a_drill_with_a_post_quantum_key_is_remembered_too(machine: Machine) -> None:
    """Though its recipient is thirty times as long."""
    recipient = str(HybridIdentity.generate().recipient)
    settings = EncryptionSettings(policy="encrypted", recovery_recipients=(RECIPIENT, recipient))
    assert hold(machine, drill(recipient=recipient), settings)
    cache, database = machine.start(settings)
    assert cache.drill is not None
    database.close()


def test_a_key_that_is_no_recovery_key_does_not_count(machine: Machine) -> None:
    """What it opens proves nothing: it is not logged, and "never" stays."""
    assert not hold(machine, drill(recipient="age1another"))
    assert machine.told == []
    cache, database = machine.start(SETTINGS)
    assert cache.drill is None
    database.close()


def test_other_recipients_have_not_been_tried(machine: Machine) -> None:
    """A change of the configuration forgets the drill; a change of the state does not."""
    hold(machine, drill())
    cache, database = machine.start(SETTINGS.model_copy(update={"policy": "user-controlled"}))
    cache.choose(cache.state, "root")
    kept = cache.drill
    assert kept is not None
    cache.apply(SETTINGS.model_copy(update={"recovery_recipients": (RECIPIENT, "age1another")}))
    assert cache.drill is None
    database.close()


def test_it_is_for_root_and_for_whoever_runs_the_service() -> None:
    """Anybody else is refused, and nothing is logged."""
    taken: list[AskDrill] = []

    async def take(asked: AskDrill) -> bool:
        taken.append(asked)
        return True

    answers = ServiceAnswers(
        lambda _: statuses.poor(),
        None,  # type: ignore[arg-type] # no key is used
        Accounts(),
        tuple,
        take,
    )
    for uid in (0, os.geteuid()):
        assert asyncio.run(answers.drilled(uid, drill()))
    with pytest.raises(Refused, match="root's to hold"):
        asyncio.run(answers.drilled(60_801, drill()))
    assert len(taken) == 2
