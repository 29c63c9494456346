"""A worker that says whatever it likes: what it costs the service, and what it costs the others."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cscd.daemon import user
from cscd.daemon.account import Account
from cscd.daemon.users import Users
from cscd.worker.messages import Setup
from tests.daemon.peer import ALICE, World, until, within

MALLORY = Account("mallory", 1002, 1002, "/home/mallory", (1002,))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what takes seconds take a moment."""
    monkeypatch.setattr(user, "GRACE", 0.02)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Give a private directory."""
    tmp_path.chmod(0o700)
    return tmp_path


@contextmanager
def spoiled(world: World, spoiler: Account) -> Iterator[None]:
    """Have a user's own directory be refused, as after its mode was changed."""

    def of_user(account: Account) -> str:
        if account.uid == spoiler.uid:
            raise PermissionError("not the user's alone")
        return "/var/lib/cscd/users/1"

    whole, world.shared.state_directory = world.shared.state_directory, of_user
    yield
    world.shared.state_directory = whole


def test_who_spoils_the_own_directory_keeps_no_settings_from_others(directory: Path) -> None:
    """A reload reaches everybody else; the spoiler's worker ends."""

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        users.logged_on(MALLORY)
        hers = await world.peer(0)
        users.logged_on(ALICE)
        other = await world.peer(1)
        await hers.hear_start()
        other.finish(await other.hear_start())
        with spoiled(world, MALLORY):
            users.reconfigure()
            assert isinstance(await other.hear(), Setup)
            await until(lambda: "worker_failed" in world.told)
        assert world.last("worker_failed")["detail"].startswith("not set up")
        await users.stop()
        world.close()

    within(test())


def test_who_spoils_the_own_directory_does_not_end_the_service_with_another_home(directory: Path) -> None:
    """A change of the account is told by those who see the logons, who have no others to tell it to."""

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        users.logged_on(MALLORY)
        await (await world.peer(0)).hear_start()
        with spoiled(world, MALLORY):
            users.logged_on(Account("mallory", 1002, 1002, "/home/elsewhere", (1002,)))
            await until(lambda: "worker_failed" in world.told)
        await users.stop()
        world.close()

    within(test())
