"""The keys of all users: opened, locked and changed over the control socket, by real holders."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from cscd.age import parse_identities, parse_recipient
from cscd.daemon.keys.keyring import KeyAwaitedError
from cscd.files.goal import State
from tests.daemon.keys.keeping import WHO, keeping, read_all
from tests.daemon.peer import until

pytestmark = pytest.mark.root

SECRET = b"correct horse battery staple"
OTHER = b"tr0ub4dor&3"


@pytest.fixture(name="directory")
def _directory(tmp_path: Path) -> Path:
    """A directory that is root's alone."""
    tmp_path.chmod(0o700)
    return tmp_path


def test_a_machine_key_opens_without_asking(directory: Path) -> None:
    """Identities come by a pipe, and a lock holds until the unlocking."""

    async def scene() -> None:
        async with keeping(directory) as world:
            assert "machine_key_created" in world.told
            keys = await world.keys.for_pass(WHO, State.ENCRYPTED)
            assert keys.identities is None
            assert world.last("key_created")["protectors"] == ["machine"]
            keys = await world.keys.for_pass(WHO, State.UNENCRYPTED)
            (identity,) = parse_identities(read_all(keys.identities))
            assert str(identity.recipient) == keys.recipients[0]
            assert await world.state() == "unlocked"
            answered = await world.ask("lock")
            assert answered["answer"]["opens_without_asking"] is True
            assert await world.state() == "locked"
            assert (await world.keys.for_pass(WHO, State.UNENCRYPTED)).identities is None
            assert (await world.ask("unlock"))["answer"]["protector"] == "machine"
            assert await world.state() == "unlocked"
            assert world.changed == [(WHO.uid, "key_locked"), (WHO.uid, "key_unlocked")]

    asyncio.run(scene())


def test_a_passphrase_makes_the_key_that_was_awaited(directory: Path) -> None:
    """Until it comes there is no key, which is told once; then its holder lives until the lock."""

    async def scene() -> None:
        async with keeping(directory, "passphrase") as world:
            world.keys.arrived(WHO.uid)
            for _ in range(2):
                with pytest.raises(KeyAwaitedError):
                    await world.keys.for_pass(WHO, State.ENCRYPTED)
            assert world.told.count("key_awaited") == 1
            made = (await world.ask("passphrase", {"new": SECRET}))["answer"]
            assert (made["made"], made["protectors"]) == (True, ["passphrase"])
            assert (WHO.uid, "key_created") in world.changed
            assert await world.state() == "unlocked"
            keys = await world.keys.for_pass(WHO, State.UNENCRYPTED)
            (identity,) = parse_identities(read_all(keys.identities))
            assert identity.recipient == parse_recipient(keys.recipients[0])
            assert (await world.ask("lock"))["answer"]["opens_without_asking"] is False
            assert (await world.keys.for_pass(WHO, State.UNENCRYPTED)).identities is None
            assert (await world.ask("unlock", {"passphrase": OTHER}))["refused"] == "wrong_passphrase"
            assert await world.state() == "locked"
            assert (await world.ask("unlock", {"passphrase": SECRET}))["answer"]["protector"] == "passphrase"
            assert await world.state() == "unlocked"
            world.keys.left(WHO.uid)
            assert world.last("key_locked")["reason"] == "logoff"

    asyncio.run(scene())


def test_after_too_many_wrong_passphrases_there_is_a_pause(directory: Path) -> None:
    """The sixth is not even asked for."""

    async def scene() -> None:
        async with keeping(directory, "passphrase") as world:
            await world.ask("passphrase", {"new": SECRET})
            await world.ask("lock")
            for _ in range(5):
                assert (await world.ask("unlock", {"passphrase": OTHER}))["refused"] == "wrong_passphrase"
            assert (await world.ask("unlock", {"passphrase": SECRET}))["refused"] == "too_many_tries"

    asyncio.run(scene())


def test_a_holder_that_is_killed_costs_its_user_only(directory: Path) -> None:
    """The key is locked, the service goes on, and unlocking makes another holder."""

    async def scene() -> None:
        async with keeping(directory, "passphrase") as world:
            await world.ask("passphrase", {"new": SECRET})
            living = world.keys.of(WHO.uid)._living  # noqa: SLF001 - nobody else tells its number
            assert living
            os.kill(living.pid, signal.SIGKILL)
            await until(lambda: "key_locked" in world.told)
            assert world.last("key_locked")["reason"] == "holder_failed"
            assert (await world.ask("unlock", {"passphrase": SECRET}))["answer"]["protector"] == "passphrase"

    asyncio.run(scene())
