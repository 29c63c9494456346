"""A worker that says whatever it likes: what it costs the service, and what it costs the others."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cscd.daemon.logon.account import Account
from cscd.daemon.work import pace, running, user
from cscd.daemon.work.users import Users
from cscd.worker.messages import (
    Happened,
    PassProgress,
    ReasonCount,
    Setup,
    Standing,
    StopPass,
    WantPass,
)
from tests.daemon.peer import ALICE, Peer, World, until, within

MALLORY = Account("mallory", 1002, 1002, "/home/mallory", (1002,))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what takes seconds take a moment."""
    monkeypatch.setattr(user, "GRACE", 0.02)
    monkeypatch.setattr("cscd.daemon.work.users.STOP_WITHIN", 0.1)


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


def test_a_pass_that_does_not_come_on_makes_way(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user may halt processes of the own worker; the turn comes back, and the worker is ended."""
    monkeypatch.setattr(running, "STALLED", 0.1)
    monkeypatch.setattr(user, "STOPS_WITHIN", 0.1)

    async def test() -> None:
        world = World(directory, most_passes=1)
        users = Users(world.shared)
        users.logged_on(MALLORY)
        hers = await world.peer(0)
        start = await hers.hear_start()
        users.logged_on(ALICE)
        other = await world.peer(1)
        stop = await hers.hear()
        assert isinstance(stop, StopPass)
        assert stop.pass_id == start.pass_id
        await other.hear_start()
        assert hers.over
        assert world.last("worker_failed")["reason"] == "hung"
        await users.stop()
        world.close()

    within(test())


def test_a_pass_that_never_ends_makes_way_and_goes_on_when_its_turn_comes_again(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it says of how it comes on; that is true of a pass over a very large cache, too."""
    monkeypatch.setattr(running, "STALLED", 0.05)
    monkeypatch.setattr(running, "LONGEST_TURN", 0.3)

    async def test() -> None:
        world = World(directory, most_passes=1)
        users = Users(world.shared)
        users.logged_on(MALLORY)
        hers = await world.peer(0)
        start = await hers.hear_start()
        comes_on = asyncio.create_task(keep_coming_on(hers, start.pass_id))
        users.logged_on(ALICE)
        other = await world.peer(1)
        assert isinstance(await hers.hear(), StopPass)
        comes_on.cancel()
        hers.finish(start, stopped=True, complete=False, partial=True)
        others = await other.hear_start()
        assert world.last("pass_stopped")["reason"] == "turn_over"
        other.finish(others)
        assert (await hers.hear_start()).scope == "all"
        assert world.last("pass_started")["trigger"] == "resume"
        await users.stop()
        world.close()

    within(test())


async def keep_coming_on(peer: Peer, pass_id: str) -> None:
    """Say that a pass comes on, without end."""
    items = 0
    while True:
        items += 1
        peer.say(PassProgress(pass_id=pass_id, items=items, found=items, bytes=0, found_bytes=0, waiting=0))
        await asyncio.sleep(0.02)


def test_nobody_loses_the_place_in_the_queue_for_a_new_item(directory: Path) -> None:
    """Who always finds something new gets a pass over everything, too."""

    async def test() -> None:
        world = World(directory, most_passes=1)
        users = Users(world.shared)
        others = [world.shared.turns.ask(lambda: None) for _ in range(2)]
        users.logged_on(ALICE)
        peer = await world.peer(0)
        peer.say(WantPass(trigger="new_items", scope="found", items=1))
        start = await peer.hear_start()
        behind = world.shared.turns.ask(lambda: None)
        peer.finish(start, converted=1)
        await until(lambda: "pass_completed" in world.told)
        for turn in others:
            turn.give_back()
        assert (await peer.hear_start()).scope == "all"
        assert not behind.granted
        await users.stop()
        world.close()

    within(test())


def test_a_worker_that_wants_pass_after_pass_gets_some_a_second(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After as many at once as one that behaves could ask for."""
    monkeypatch.setattr(pace, "_RATE", 0.001)

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        users.logged_on(MALLORY)
        peer = await world.peer(0)
        peer.finish(await peer.hear_start())
        for _ in range(19):
            peer.say(WantPass(trigger="new_items", scope="found", items=1))
            peer.finish(await peer.hear_start())
        peer.say(WantPass(trigger="new_items", scope="found", items=1))
        await until(lambda: world.told.count("pass_completed") == 20)
        users.recheck("interval")  # of the service's own accord, at any time
        assert (await peer.hear_start()).scope == "all"
        await users.stop()
        world.close()

    within(test())


def test_a_worker_that_changes_its_mind_all_the_time_is_not_told_to_everybody(directory: Path) -> None:
    """What is told on the bus of the cache as a whole follows, with some a second."""

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        users.logged_on(MALLORY)
        peer = await world.peer(0)
        peer.finish(await peer.hear_start())
        await until(lambda: not world.shared.cache.partial)
        for _ in range(500):
            for count in (1, 0):
                pending = (ReasonCount(reason="no_space", count=count),)
                peer.say(Standing(roots=(), pending=pending, failed=(), first=()))
            await asyncio.sleep(0)
        peer.say(Standing(roots=(), pending=(ReasonCount(reason="no_space", count=1),), failed=(), first=()))
        await until(lambda: world.shared.cache.partial)
        await until(lambda: world.last("encryption_changed")["is_partial"])
        assert world.told.count("encryption_changed") < 30
        await users.stop()
        world.close()

    within(test())


def test_reasons_that_a_worker_makes_up_stop_nothing(directory: Path) -> None:
    """Neither the judgement of everybody, nor the record of the user, nor the end of the worker."""

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        users.logged_on(MALLORY)
        peer = await world.peer(0)
        await peer.hear_start()
        one, other = (
            tuple(ReasonCount(reason=f"{word}{number}", count=1) for number in range(64))
            for word in ("a", "b")
        )
        peer.say(Standing(roots=(), pending=one, failed=other, first=()))
        hers = users.find(MALLORY.uid)
        assert hers
        await until(lambda: hers.passes.unright)
        users.judge()
        assert world.shared.cache.partial
        peer.kill()
        await (await world.peer(1)).hear_start()
        assert "internal_error" not in world.told
        await users.stop()
        world.close()

    within(test())


def test_events_with_reasons_that_a_worker_makes_up_fill_no_log(directory: Path) -> None:
    """Each reason has its lines, but only so many reasons of one user are told apart."""

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        users.logged_on(MALLORY)
        peer = await world.peer(0)
        await peer.hear_start()
        for number in range(5000):
            fields = {"path": "/x", "reason": f"r{number}"}
            peer.say(Happened(event="item_failed", fields=fields))
            if number % 16 == 0:
                await asyncio.sleep(0)
        assert world.told.count("item_failed") < 300
        await users.stop()
        world.close()

    within(test())


def test_a_user_whose_life_ends_by_our_mistake_is_served_again(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as a session is open, without a new logon."""
    monkeypatch.setattr("cscd.daemon.work.users.AGAIN", 0.05)

    async def test() -> None:
        world = World(directory)
        world.refusing = RuntimeError("nobody foresaw this")
        users = Users(world.shared)
        users.logged_on(MALLORY)
        await until(lambda: world.told.count("internal_error") > 1)
        world.refusing = None
        await (await world.peer(0)).hear_start()
        assert world.last("internal_error")["error"] == "RuntimeError: nobody foresaw this"
        await users.stop()
        world.close()

    within(test())
