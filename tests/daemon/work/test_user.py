"""One user of the service: when a worker starts, when a pass starts, and when both end."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from cscd.config import Settings
from cscd.config.settings import EncryptionSettings, EnforcementSettings
from cscd.daemon.work import pauses, user, worker
from cscd.daemon.work.users import Users
from cscd.files.goal import State
from cscd.worker.messages import (
    Happened,
    PassProgress,
    Ping,
    Pong,
    Ready,
    ReasonCount,
    Setup,
    Standing,
    StopPass,
    WantPass,
)
from tests.daemon.peer import ALICE, World, until, within


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what takes seconds take a moment."""
    monkeypatch.setattr(user, "GRACE", 0.02)
    monkeypatch.setattr(pauses, "_FIRST", 0.01)
    monkeypatch.setattr("cscd.daemon.work.users.STOP_WITHIN", 0.2)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Give a private directory."""
    tmp_path.chmod(0o700)
    return tmp_path


def test_a_logon_starts_a_worker_and_a_pass(directory: Path) -> None:
    """With the user's roots, the state of the cache and the keys to encrypt to."""

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        users.logged_on(ALICE)
        peer = await world.peer(ready=False)
        setup = await peer.hear()
        assert isinstance(setup, Setup)
        assert setup.roots == ("/home/alice/.cache/cscd",)
        peer.say(Ready())
        start = await peer.hear_start()
        assert (start.scope, start.goal, start.recipients) == ("all", State.ENCRYPTED, ("age1user",))
        assert not peer.beside
        peer.finish(start, converted=3)
        await until(lambda: "pass_completed" in world.told)
        assert world.told.index("worker_started") < world.told.index("pass_started")
        assert world.last("pass_started")["trigger"] == "logon"
        await users.stop()
        world.close()

    within(test())


def test_only_so_many_workers_start_at_once(directory: Path) -> None:
    """The next one starts when one is ready, ends before it is, or takes too long; who left needs none."""

    async def test() -> None:
        world = World(directory)
        world.shared.starting = asyncio.Semaphore(2)
        users = Users(world.shared)
        accounts = [replace(ALICE, uid=ALICE.uid + number) for number in range(5)]
        for account in accounts:
            users.logged_on(account)
        await until(lambda: len(world.peers) == 2)
        await world.peers[0].be_ready()
        await until(lambda: len(world.peers) == 3)
        world.peers[1].exit()
        await until(lambda: len(world.peers) == 4)
        for user_of in users:
            user_of.leave()
        await world.peers[2].be_ready()
        await world.peers[3].be_ready()
        await users.stop()
        assert len(world.peers) == 4
        world.close()

    within(test())


def test_a_worker_that_is_slow_to_start_does_not_keep_others_from_it(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user can stop the own worker, and is waited for alone."""
    monkeypatch.setattr(user, "STARTING_SECONDS", 0.02)

    async def test() -> None:
        world = World(directory)
        world.shared.starting = asyncio.Semaphore(1)
        users = Users(world.shared)
        users.logged_on(ALICE)
        users.logged_on(replace(ALICE, uid=ALICE.uid + 1))
        await until(lambda: len(world.peers) == 2)
        await world.peers[0].be_ready()
        await until(lambda: "worker_started" in world.told)
        await users.stop()
        world.close()

    within(test())


def test_ten_logons_are_one_pass_and_a_flapping_session_starts_none_anew(directory: Path) -> None:
    """Off and on again within the grace, nothing is done twice."""

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        for _ in range(10):
            users.logged_on(ALICE)
        peer = await world.peer()
        start = await peer.hear_start()
        for _ in range(5):
            users.logged_off(ALICE.uid)
            users.logged_on(ALICE)
        peer.finish(start)
        await until(lambda: "pass_completed" in world.told)
        assert world.told.count("pass_started") == 1
        assert len(world.peers) == 1
        await users.stop()
        world.close()

    within(test())


def test_the_last_logoff_is_followed_by_the_last_pass_and_the_end_of_the_worker(directory: Path) -> None:
    """In this order, and then the user is forgotten."""

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        users.logged_on(ALICE)
        peer = await world.peer()
        peer.finish(await peer.hear_start())
        users.logged_off(ALICE.uid)
        last = await peer.hear_start()
        assert world.last("pass_started")["trigger"] == "logoff"
        peer.finish(last)
        assert await peer.hear() is None
        peer.exit()
        await until(lambda: users.find(ALICE.uid) is None)
        assert world.told[-1] == "worker_exited"
        world.close()

    within(test())


def test_without_a_last_pass_the_worker_just_ends(directory: Path) -> None:
    """As the configuration wants it."""

    async def test() -> None:
        settings = Settings(enforcement=EnforcementSettings(logoff_pass=False))
        world = World(directory, settings)
        users = Users(world.shared)
        users.logged_on(ALICE)
        peer = await world.peer()
        peer.finish(await peer.hear_start())
        users.logged_off(ALICE.uid)
        assert await peer.hear() is None
        peer.exit()
        await until(lambda: users.find(ALICE.uid) is None)
        assert world.told.count("pass_started") == 1
        world.close()

    within(test())


def test_who_comes_back_while_the_worker_ends_gets_another_one(directory: Path) -> None:
    """And a pass of the new logon's own."""

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        users.logged_on(ALICE)
        peer = await world.peer()
        peer.finish(await peer.hear_start())
        users.logged_off(ALICE.uid)
        peer.finish(await peer.hear_start())
        assert await peer.hear() is None
        users.logged_on(ALICE)
        peer.exit()
        second = await world.peer(1)
        await second.hear_start()
        assert world.last("pass_started")["trigger"] == "logon"
        await users.stop()
        world.close()

    within(test())


@pytest.mark.parametrize("ready", [True, False])
def test_who_comes_back_with_another_home_is_served_there(directory: Path, *, ready: bool) -> None:
    """Also in the last pass, and while the worker starts."""

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        users.logged_on(ALICE)
        peer = await world.peer(0, ready=ready)
        if ready:
            peer.finish(await peer.hear_start())
            users.logged_off(ALICE.uid)
            await peer.hear_start()
        users.logged_on(replace(ALICE, home="/home/elsewhere"))
        while (setup := await peer.hear()).roots != ("/home/elsewhere/.cache/cscd",):
            assert isinstance(setup, Setup)
        await users.stop()
        world.close()

    within(test())


def test_what_the_worker_finds_gets_a_pass_at_once(directory: Path) -> None:
    """Also while other users' passes take all the turns."""

    async def test() -> None:
        world = World(directory, most_passes=1)
        users = Users(world.shared)
        users.logged_on(ALICE)
        peer = await world.peer()
        peer.finish(await peer.hear_start())
        await until(lambda: world.shared.turns.running == 0)
        world.shared.turns.ask(lambda: None)
        peer.say(WantPass(trigger="new_items", scope="found", items=1))
        start = await peer.hear_start()
        assert start.scope == "found"
        peer.finish(start, converted=1)
        await until(lambda: world.told.count("pass_completed") == 2)
        await users.stop()
        world.close()

    within(test())


def test_another_state_stops_the_pass_and_starts_one_towards_it(directory: Path) -> None:
    """With the identity that unencrypting takes."""

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        users.logged_on(ALICE)
        peer = await world.peer()
        first = await peer.hear_start()
        assert world.shared.cache.apply(EncryptionSettings(policy="unencrypted"))
        users.recheck("reload")
        stop = await peer.hear()
        assert isinstance(stop, StopPass)
        assert stop.pass_id == first.pass_id
        peer.finish(first, stopped=True, complete=False, partial=True)
        second = await peer.hear_start()
        assert second.goal is State.UNENCRYPTED
        assert len(peer.beside) == 1  # the pipe with the identities
        assert world.last("pass_stopped")["reason"] == "superseded"
        await users.stop()
        world.close()

    within(test())


def test_a_worker_that_dies_is_started_again_and_goes_on(directory: Path) -> None:
    """It is told, and the pass that it was at counts as stopped."""

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        users.logged_on(ALICE)
        peer = await world.peer()
        await peer.hear_start()
        peer.kill()
        second = await world.peer(1)
        await second.hear_start()
        assert world.last("pass_started")["trigger"] == "resume"
        assert world.last("pass_stopped")["reason"] == "worker_failed"
        assert world.last("worker_failed")["reason"] == "killed"
        await users.stop()
        world.close()

    within(test())


def test_a_worker_that_never_works_is_given_up_until_the_next_logon(directory: Path) -> None:
    """With longer and longer pauses before that."""

    async def test() -> None:
        world = World(directory)
        world.refusing = OSError(11, "Resource temporarily unavailable")
        users = Users(world.shared)
        users.logged_on(ALICE)
        await until(lambda: "worker_abandoned" in world.told)
        pauses_told = [
            record.fields["restart_seconds"]
            for record in world.kept.records
            if record.event == "worker_failed"
        ]
        assert pauses_told == sorted(pauses_told)
        users.logged_off(ALICE.uid)
        await until(lambda: users.find(ALICE.uid) is None)
        world.refusing = None
        users.logged_on(ALICE)
        await (await world.peer(0)).hear_start()
        await users.stop()
        world.close()

    within(test())


@pytest.mark.parametrize(
    "message",
    [
        Pong(number=99),
        Happened(event="service_stopped", fields={"seconds": 1.0}),
        Happened(event="key_created", fields={"key_id": "x", "protectors": ()}),
        Happened(event="item_encrypted", fields={"path": 7, "size": 1}),
        Happened(event="item_encrypted", fields={"path": "/x", "size": 1, "user": "root"}),
    ],
)
def test_a_worker_that_says_what_it_must_not_is_ended(directory: Path, message: Pong | Happened) -> None:
    """Answers to nothing, events of the service, fields that are not the event's."""

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        users.logged_on(ALICE)
        peer = await world.peer()
        await peer.hear_start()
        peer.say(message)
        await until(lambda: peer.over)
        await until(lambda: "worker_failed" in world.told)
        assert world.last("worker_failed")["reason"] == "malformed"
        await users.stop()
        world.close()

    within(test())


def test_what_a_worker_tells_is_told_in_its_users_name(directory: Path) -> None:
    """And in the pass that it says."""

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        users.logged_on(ALICE)
        peer = await world.peer()
        start = await peer.hear_start()
        fields = {"path": "/home/alice/\udcff\n", "reason": "io_error", "errno": 5}
        peer.say(Happened(event="item_failed", fields=fields, pass_id=start.pass_id))
        await until(lambda: "item_failed" in world.told)
        record = world.kept.records[-1]
        assert (record.context.user, record.context.uid) == ("alice", ALICE.uid)
        assert record.context.pass_id == start.pass_id
        assert record.fields["path"] == "/home/alice/\\xff\\n"
        await users.stop()
        world.close()

    within(test())


def test_a_worker_that_does_not_answer_is_ended(directory: Path) -> None:
    """At the second ping."""

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        users.logged_on(ALICE)
        peer = await world.peer()
        start = await peer.hear_start()
        users.ping()
        ping = await peer.hear()
        assert isinstance(ping, Ping)
        peer.say(Pong(number=ping.number))
        peer.finish(start)
        await until(lambda: "pass_completed" in world.told)
        users.ping()
        users.ping()
        await until(lambda: peer.over)
        await until(lambda: "worker_failed" in world.told)
        assert world.last("worker_failed")["reason"] == "hung"
        await users.stop()
        world.close()

    within(test())


def test_a_quiet_worker_is_left_asleep(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked once after anything was said, and then only now and then."""

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        users.logged_on(ALICE)
        peer = await world.peer()
        peer.finish(await peer.hear_start())
        await until(lambda: "pass_completed" in world.told)
        (alice,) = users
        assert alice.worker
        for number in (1, 2):
            users.ping()
            assert await peer.hear() == Ping(number=number)
            peer.say(Pong(number=number))
            await until(lambda: alice.worker and alice.worker.answered)
            users.ping()  # not heard: else it would be the next number
            monkeypatch.setattr(worker, "QUIET_FOR", 0.0)
        await users.stop()
        world.close()

    within(test())


def test_the_cache_is_partial_until_everything_is_right(directory: Path) -> None:
    """By the last pass and by what the worker says is left."""

    async def test() -> None:
        world = World(directory)
        cache = world.shared.cache
        users = Users(world.shared)
        users.logged_on(ALICE)
        peer = await world.peer()
        start = await peer.hear_start()
        assert cache.partial
        left = (ReasonCount(reason="open_elsewhere", count=1),)
        peer.say(Standing(roots=(), pending=left, failed=(), first=()))
        peer.finish(start, partial=True, pending=1, reasons=left)
        await until(lambda: "pass_completed" in world.told)
        assert cache.partial
        peer.say(Standing(roots=(), pending=(), failed=(), first=()))
        await until(lambda: not cache.partial)
        assert world.last("encryption_changed")["is_partial"] is False
        await users.stop()
        world.close()

    within(test())


def test_new_items_count_once_they_take_longer_than_a_moment(directory: Path) -> None:
    """As a large file does; what is done within a second changes nothing."""

    async def test() -> None:
        world = World(directory)
        cache = world.shared.cache
        users = Users(world.shared)
        users.logged_on(ALICE)
        peer = await world.peer()
        peer.finish(await peer.hear_start())
        await until(lambda: not cache.partial)
        peer.say(WantPass(trigger="new_items", scope="found", items=1))
        start = await peer.hear_start()
        assert not cache.partial
        peer.say(PassProgress(pass_id=start.pass_id, items=0, found=1, bytes=5, found_bytes=9, waiting=0))
        await until(lambda: cache.partial)
        peer.finish(start, converted=1)
        await until(lambda: not cache.partial)
        await users.stop()
        world.close()

    within(test())


def test_a_user_who_leaves_with_everything_right_leaves_the_cache_whole(directory: Path) -> None:
    """Also before the database has heard of it."""

    async def test() -> None:
        world = World(directory)
        world.shared.remember = lambda _record: None
        users = Users(world.shared)
        users.logged_on(ALICE)
        peer = await world.peer()
        peer.finish(await peer.hear_start())
        await until(lambda: not world.shared.cache.partial)
        users.logged_off(ALICE.uid)
        peer.finish(await peer.hear_start())
        assert await peer.hear() is None
        peer.exit()
        await until(lambda: users.find(ALICE.uid) is None)
        assert not world.shared.cache.partial
        world.close()

    within(test())


def test_a_stop_ends_everything_and_starts_nothing(directory: Path) -> None:
    """A pass is stopped, its end is told, then the worker ends."""

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        users.logged_on(ALICE)
        peer = await world.peer()
        start = await peer.hear_start()
        ended = asyncio.create_task(users.stop())
        assert isinstance(await peer.hear(), StopPass)
        peer.finish(start, stopped=True, complete=False, partial=True)
        assert await peer.hear() is None
        peer.exit()
        await ended
        assert world.last("pass_stopped")["reason"] == "service_stopping"
        users.logged_on(ALICE)
        assert users.find(ALICE.uid) is None
        world.close()

    within(test())


def test_a_worker_that_does_not_stop_is_killed(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the time that the service has."""
    monkeypatch.setattr("cscd.daemon.work.users.STOP_WITHIN", 0.05)

    async def test() -> None:
        world = World(directory)
        users = Users(world.shared)
        users.logged_on(ALICE)
        peer = await world.peer()
        await peer.hear_start()
        await users.stop()
        assert peer.over
        world.close()

    within(test())
