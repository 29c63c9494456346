"""Encrypt, with workers and sinks that do what the test says."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cscd.config import Settings
from cscd.config.settings import EncryptionSettings
from cscd.daemon.encrypt.calls import CHANGE_STATE, ENCRYPT_USER, Answer, Caller, Decision
from cscd.daemon.encrypt.codes import Code
from cscd.daemon.encrypt.encryption import Encryption
from cscd.daemon.logon.account import Account, Accounts
from cscd.daemon.state.database import Database
from cscd.daemon.state.disk import Disk
from cscd.daemon.telling.report import status_of
from cscd.daemon.telling.status import Status
from cscd.daemon.work.users import Users
from cscd.files.goal import State
from cscd.worker.messages import Go, ItemBegins, ItemEnds, ReasonCount, StopPass, WantPass
from tests.daemon.peer import ALICE, DEADLINE, Peer, World, until, within

BOB = Account("bob", 1002, 1002, "/home/bob", (1002,))
DAEMON = Account("www-data", 33, 33, "/var/www", (33,))
CALLER = Caller(ALICE.uid, ALICE.name)
ROOT = Caller(0, "root")


class Known(Accounts):
    """A user database of two."""

    async def find(self, uid: int) -> Account | None:
        """Return an account."""
        return {each.uid: each for each in (ALICE, BOB, Account("root", 0, 0, "/root", (0,)), DAEMON)}.get(
            uid
        )


class Polkit:
    """Says what a test wants it to."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        self.asked: list[tuple[int, str, bool]] = []

    async def allows(self, caller: Caller, action: str, *, interactive: bool) -> Decision:
        """Say it."""
        self.asked.append((caller.uid, action, interactive))
        return self.decision


class Sink:
    """Keeps what it is told, and answers what a test wants."""

    def __init__(self, *answers: Answer, begin: bool = True, abort: bool = False) -> None:
        self.told: list[tuple[Any, ...]] = []
        self._answers = list(answers)
        self._begin = begin
        self._abort = abort

    def _next(self) -> Answer:
        return self._answers.pop(0) if self._answers else Answer.CONTINUE

    async def begin(self) -> bool:
        """See `ItemSink`."""
        self.told.append(("begin",))
        return self._begin

    async def item_begin(self, path: str) -> Answer:
        """See `ItemSink`."""
        self.told.append(("item_begin", path))
        return self._next()

    async def item_result(self, path: str, code: Code) -> Answer:
        """See `ItemSink`."""
        self.told.append(("item_result", path, code))
        return self._next()

    async def query_abort(self) -> bool:
        """See `ItemSink`."""
        self.told.append(("query_abort",))
        return self._abort

    async def end(self, code: Code) -> None:
        """See `ItemSink`."""
        self.told.append(("end", code))

    def tell_begin(self) -> None:
        """See `ItemSink`."""
        self.told.append(("begin",))

    def tell_item_begin(self, path: str) -> None:
        """See `ItemSink`."""
        self.told.append(("item_begin", path))

    def tell_item_result(self, path: str, code: Code) -> None:
        """See `ItemSink`."""
        self.told.append(("item_result", path, code))

    def tell_end(self, code: Code) -> None:
        """See `ItemSink`."""
        self.told.append(("end", code))


class Service(World):
    """A world that can be called."""

    def __init__(self, directory: Path, decision: Decision = Decision.ALLOWED, **settings: Any) -> None:  # noqa: ANN401 - of the section
        directory.chmod(0o700)
        super().__init__(directory, Settings(encryption=EncryptionSettings(**settings)))
        self.users = Users(self.shared)
        self.polkit = Polkit(decision)
        self._disk = Disk("test")
        self.encryption = Encryption(self.shared, self.users, Known(), self._disk, _no_status)
        self.encryption.authority = self.polkit

    def call(self, goal: State, bits: int = 0, caller: Caller = CALLER, **more: Any) -> "asyncio.Task[Code]":  # noqa: ANN401 - of encrypt
        """Call Encrypt."""
        return asyncio.create_task(self.encryption.encrypt(caller, goal, bits, **more))

    def report(self, uid: int) -> Any:  # noqa: ANN401 - as JSON
        """Return what is said to a user of the first user."""
        said = status_of(self.shared, self.users, uid, began=0.0, source="", sessions={})
        return said.model_dump(mode="json")["users"][0]

    async def end(self) -> None:
        """Let go of everything."""
        await self.users.stop()
        self._disk.close()
        self.close()


def _no_status(_uid: int) -> Status:
    raise NotImplementedError


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what takes seconds take a moment."""
    monkeypatch.setattr("cscd.daemon.work.users.STOP_WITHIN", 0.2)


async def finished(peer: Peer, **counts: Any) -> None:  # noqa: ANN401 - of PassEnded
    """Let the pass that starts next be done."""
    peer.finish(await peer.hear_start(), **counts)


def test_a_call_converts_the_callers_items_and_returns_success(tmp_path: Path) -> None:
    """Not in the background, unless it says so; logged on or not."""

    async def test() -> None:
        service = Service(tmp_path)
        for bits, background in ((0, False), (0x10000, True)):
            call = service.call(State.ENCRYPTED, bits)
            peer = await service.peer()
            start = await peer.hear_start()
            assert (start.scope, start.background, start.telling) == ("all", background, "no")
            peer.finish(start)
            assert await call is Code.SUCCESS
            assert await peer.hear() is None
            peer.exit()
            await until(lambda: service.users.find(ALICE.uid) is None)
        assert service.polkit.asked == []
        await service.end()

    within(test())


@pytest.mark.parametrize("bits", [0x1, 0x200 | 0x2, 1 << 31, 0xFFFF_FFFF])
def test_undefined_flags_are_an_invalid_parameter_and_change_nothing(tmp_path: Path, bits: int) -> None:
    """No worker starts, and nobody is asked."""

    async def test() -> None:
        service = Service(tmp_path)
        assert await service.call(State.UNENCRYPTED, bits) is Code.INVALID_PARAMETER
        assert service.shared.cache.state is State.ENCRYPTED
        assert (service.peers, service.polkit.asked) == ([], [])
        assert service.last("encrypt_refused")["reason"] == "bad_flags"
        await service.end()

    within(test())


def test_a_set_policy_denies_a_contrary_call_and_lets_one_converge(tmp_path: Path) -> None:
    """An administrator's as well."""

    async def test() -> None:
        service = Service(tmp_path, policy="encrypted")
        assert await service.call(State.UNENCRYPTED, caller=ROOT) is Code.ACCESS_DENIED
        assert service.last("encrypt_refused")["reason"] == "policy"
        call = service.call(State.ENCRYPTED)
        await finished(await service.peer())
        assert await call is Code.SUCCESS
        await service.end()

    within(test())


@pytest.mark.parametrize("decision", [each for each in Decision if each is not Decision.ALLOWED])
def test_who_may_not_change_the_state_is_denied(tmp_path: Path, decision: Decision) -> None:
    """A dialog is only allowed with Interactive."""

    async def test() -> None:
        service = Service(tmp_path, decision)
        for bits in (0, 0x800, 0x1000, 0x1800):
            assert await service.call(State.UNENCRYPTED, bits) is Code.ACCESS_DENIED
        asked = [(ALICE.uid, CHANGE_STATE, bool(bits & 0x800)) for bits in (0, 0x800, 0x1000, 0x1800)]
        assert service.polkit.asked == asked
        assert service.shared.cache.state is State.ENCRYPTED
        assert service.last("encrypt_refused")["reason"] == decision.value
        await service.end()

    within(test())


def test_the_state_is_durable_before_the_first_item_is_touched(tmp_path: Path) -> None:
    """It is read from the disk while the pass begins."""

    async def test() -> None:
        service = Service(tmp_path)
        call = service.call(State.UNENCRYPTED)
        peer = await service.peer()
        start = await peer.hear_start()
        assert start.goal is State.UNENCRYPTED
        copy = tmp_path / "copy"
        copy.mkdir(mode=0o700)
        (copy / "state.db").write_bytes((tmp_path / "state.db").read_bytes())
        (copy / "state.db").chmod(0o600)
        database, _ = Database.open(str(copy / "state.db"))
        assert database.cache.state is State.UNENCRYPTED
        database.close()
        peer.finish(start)
        assert await call is Code.SUCCESS
        await service.end()

    within(test())


def test_others_who_are_logged_on_follow_in_the_background(tmp_path: Path) -> None:
    """With a pass of their own."""

    async def test() -> None:
        service = Service(tmp_path)
        service.users.logged_on(BOB)
        bobs = await service.peer()
        await finished(bobs)
        call = service.call(State.UNENCRYPTED)
        mine = await service.peer()
        await finished(mine)
        start = await bobs.hear_start()
        assert (start.goal, start.background) == (State.UNENCRYPTED, True)
        assert await call is Code.SUCCESS
        await service.end()

    within(test())


def test_who_leaves_while_the_state_changes_leaves_no_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others' items follow all the same."""

    async def test() -> None:
        service = Service(tmp_path)
        service.users.logged_on(BOB)
        bobs = await service.peer()
        await finished(bobs)
        choose, begun, goes_on = service.shared.cache.choose, threading.Event(), threading.Event()

        def slowly(state: State, caller: str) -> None:
            begun.set()
            assert goes_on.wait(DEADLINE)
            choose(state, caller)

        monkeypatch.setattr(service.shared.cache, "choose", slowly)
        call = service.call(State.UNENCRYPTED)
        await until(begun.is_set)
        call.cancel()
        await asyncio.wait((call,))
        goes_on.set()
        assert (await bobs.hear_start()).goal is State.UNENCRYPTED
        await service.end()

    within(test())


@pytest.mark.parametrize(
    "counts, code",
    [
        ({"reasons": (ReasonCount(reason="open_elsewhere", count=1),)}, Code.SHARING_VIOLATION),
        ({"reasons": (ReasonCount(reason="no_space", count=9),)}, Code.DISK_FULL),
        ({"error": "target"}, Code.NOT_READY),
    ],
)
def test_what_is_left_is_a_code_and_the_state_stays_the_new_one(
    tmp_path: Path, counts: dict[str, Any], code: Code
) -> None:
    """Nothing is rolled back, and the cache is partial."""

    async def test() -> None:
        service = Service(tmp_path)
        call = service.call(State.UNENCRYPTED)
        peer = await service.peer()
        await finished(peer, partial=True, **counts)
        assert await call is code
        assert service.shared.cache.state is State.UNENCRYPTED
        assert service.encryption.status() == (False, True)
        await service.end()

    within(test())


async def _by_cancel(service: Service, _call: "asyncio.Task[Code]") -> None:
    assert service.encryption.cancel(CALLER) is Code.SUCCESS


async def _by_leaving(_service: Service, call: "asyncio.Task[Code]") -> None:
    call.cancel()


@pytest.mark.parametrize("cancel", [_by_cancel, _by_leaving])
def test_a_call_that_is_cancelled_stops_its_pass_and_rolls_nothing_back(
    tmp_path: Path, cancel: Callable[[Service, "asyncio.Task[Code]"], Any]
) -> None:
    """By Cancel, or because the caller has left."""

    async def test() -> None:
        service = Service(tmp_path)
        service.users.logged_on(ALICE)
        peer = await service.peer()
        await finished(peer)
        call = service.call(State.UNENCRYPTED)
        start = await peer.hear_start()
        await cancel(service, call)
        stop = await peer.hear()
        assert isinstance(stop, StopPass)
        peer.finish(start, stopped=True, complete=False, partial=True)
        if cancel is _by_cancel:
            assert await call is Code.CANCELLED
        await until(lambda: "pass_stopped" in service.told)
        assert service.last("pass_stopped")["reason"] == "cancelled"
        assert service.encryption.status() == (False, True)
        repeated = service.call(State.UNENCRYPTED)
        await finished(peer)
        assert await repeated is Code.SUCCESS
        assert service.encryption.status() == (False, False)
        await service.end()

    within(test())


def test_a_call_that_is_cancelled_takes_the_place_of_no_pass_of_the_services_own(tmp_path: Path) -> None:
    """Else a call and a cancel at each logon would keep a user's items out of the state for good."""

    async def test() -> None:
        service = Service(tmp_path)
        service.users.logged_on(ALICE)
        peer = await service.peer()
        first = await peer.hear_start()
        call = service.call(State.ENCRYPTED)
        assert isinstance(await peer.hear(), StopPass)
        peer.finish(first, stopped=True, complete=False, partial=True)
        start = await peer.hear_start()
        assert service.encryption.cancel(CALLER) is Code.SUCCESS
        assert isinstance(await peer.hear(), StopPass)
        peer.finish(start, stopped=True, complete=False, partial=True)
        assert await call is Code.CANCELLED
        again = await peer.hear_start()
        assert (again.scope, again.background) == ("all", True)
        peer.finish(again)
        await until(lambda: not service.encryption.status()[1])
        await service.end()

    within(test())


def test_a_call_that_is_done_is_the_pass_of_the_services_own(tmp_path: Path) -> None:
    """Nothing is done twice."""

    async def test() -> None:
        service = Service(tmp_path)
        service.users.logged_on(ALICE)
        peer = await service.peer()
        first = await peer.hear_start()
        call = service.call(State.ENCRYPTED)
        assert isinstance(await peer.hear(), StopPass)
        peer.finish(first, stopped=True, complete=False, partial=True)
        await finished(peer)
        assert await call is Code.SUCCESS
        await until(lambda: not service.encryption.status()[1])
        peer.say(WantPass(trigger="new_items", scope="found", items=1))
        assert (await peer.hear_start()).scope == "found"
        await service.end()

    within(test())


def test_there_is_nothing_to_cancel_where_nothing_is_under_way(tmp_path: Path) -> None:
    """Of the caller's; another user's call goes on."""

    async def test() -> None:
        service = Service(tmp_path)
        call = service.call(State.ENCRYPTED)
        peer = await service.peer()
        start = await peer.hear_start()
        assert service.encryption.cancel(Caller(BOB.uid, BOB.name)) is Code.CANCELLED
        peer.finish(start)
        assert await call is Code.SUCCESS
        assert service.encryption.cancel(CALLER) is Code.CANCELLED
        await service.end()

    within(test())


def test_a_second_call_for_the_same_joins_the_first(tmp_path: Path) -> None:
    """One pass, two answers; one caller who leaves does not cancel it for the other."""

    async def test() -> None:
        service = Service(tmp_path)
        first, second = service.call(State.ENCRYPTED), service.call(State.ENCRYPTED)
        peer = await service.peer()
        start = await peer.hear_start()
        first.cancel()
        peer.finish(start)
        assert await second is Code.SUCCESS
        assert service.told.count("pass_started") == 1
        await service.end()

    within(test())


def test_an_operation_says_who_waits_for_it(tmp_path: Path) -> None:
    """In the order of the calls; who has left is named no more."""

    async def test() -> None:
        service = Service(tmp_path)
        first = service.call(State.UNENCRYPTED)
        peer = await service.peer()
        start = await peer.hear_start()
        second = service.call(State.UNENCRYPTED, caller=ROOT, for_uid=ALICE.uid)
        user = service.users.find(ALICE.uid)
        assert user
        operation = user.operation
        assert operation
        await until(lambda: operation.callers == [CALLER, ROOT])
        assert service.report(ROOT.uid)["operation"] == {
            "goal": "unencrypted",
            "background": False,
            "began": operation.began,
            "pass_id": operation.pass_id,
            "waiting": 2,
            "callers": [
                {"name": "alice", "uid": ALICE.uid, "pid": 0},
                {"name": "root", "uid": 0, "pid": 0},
            ],
        }
        first.cancel()
        await until(lambda: operation.callers == [ROOT])
        peer.finish(start)
        assert await second is Code.SUCCESS
        assert service.report(ROOT.uid)["operation"] is None
        await service.end()

    within(test())


def test_a_call_for_the_opposite_supersedes_the_first(tmp_path: Path) -> None:
    """Which returns cancelled."""

    async def test() -> None:
        service = Service(tmp_path)
        first = service.call(State.UNENCRYPTED)
        peer = await service.peer()
        start = await peer.hear_start()
        second = service.call(State.ENCRYPTED)
        assert await first is Code.CANCELLED
        assert isinstance(await peer.hear(), StopPass)
        peer.finish(start, stopped=True, complete=False, partial=True)
        await finished(peer)
        assert await second is Code.SUCCESS
        assert "encrypt_superseded" in service.told
        await service.end()

    within(test())


def test_a_background_pass_gives_way_to_a_call(tmp_path: Path) -> None:
    """It is stopped, and the call's pass begins at once."""

    async def test() -> None:
        service = Service(tmp_path)
        service.users.logged_on(ALICE)
        peer = await service.peer()
        logon = await peer.hear_start()
        call = service.call(State.ENCRYPTED)
        assert isinstance(await peer.hear(), StopPass)
        peer.finish(logon, stopped=True, complete=False, partial=True)
        start = await peer.hear_start()
        assert not start.background
        assert service.last("pass_stopped")["reason"] == "call"
        peer.finish(start)
        assert await call is Code.SUCCESS
        await service.end()

    within(test())


def test_calls_of_different_users_run_side_by_side(tmp_path: Path) -> None:
    """None waits for a turn."""

    async def test() -> None:
        service = Service(tmp_path)
        service.shared.turns.change(1)
        calls = [service.call(State.ENCRYPTED), service.call(State.ENCRYPTED, caller=Caller(BOB.uid, "bob"))]
        peers = [await service.peer(0), await service.peer(1)]
        starts = [await peer.hear_start() for peer in peers]
        for peer, start in zip(peers, starts, strict=True):
            peer.finish(start)
        assert [await call for call in calls] == [Code.SUCCESS] * 2
        await service.end()

    within(test())


def test_anothers_items_are_an_administrators_to_convert(tmp_path: Path) -> None:
    """By another action of polkit; who is unknown is an invalid parameter."""

    async def test() -> None:
        service = Service(tmp_path, Decision.DENIED)
        assert await service.call(State.ENCRYPTED, for_uid=BOB.uid) is Code.ACCESS_DENIED
        assert service.polkit.asked == [(ALICE.uid, ENCRYPT_USER, False)]
        assert await service.call(State.ENCRYPTED, for_uid=4711) is Code.INVALID_PARAMETER
        service.polkit.decision = Decision.ALLOWED
        call = service.call(State.ENCRYPTED, for_uid=BOB.uid)
        await finished(await service.peer())
        assert await call is Code.SUCCESS
        await service.end()

    within(test())


def test_a_system_account_has_no_cache_to_convert(tmp_path: Path) -> None:
    """It would get a worker and a key by calling; whose items count is the configuration's to say."""

    async def test() -> None:
        service = Service(tmp_path)
        daemon = Caller(33, "www-data")
        assert await service.call(State.UNENCRYPTED, caller=daemon) is Code.NOT_READY
        assert service.last("encrypt_refused")["reason"] == "not_served"
        assert service.shared.cache.state is State.ENCRYPTED
        assert service.peers == []
        await service.end()

    within(test())


def test_root_changes_the_state_and_has_no_items_of_its_own(tmp_path: Path) -> None:
    """No worker runs with root's rights; those who are logged on follow."""

    async def test() -> None:
        service = Service(tmp_path)
        assert await service.call(State.UNENCRYPTED, caller=ROOT) is Code.SUCCESS
        assert service.shared.cache.state is State.UNENCRYPTED
        assert service.peers == []
        await service.end()

    within(test())


def test_a_worker_that_dies_aborts_the_call(tmp_path: Path) -> None:
    """It can be repeated."""

    async def test() -> None:
        service = Service(tmp_path)
        call = service.call(State.ENCRYPTED)
        peer = await service.peer()
        await peer.hear_start()
        peer.kill()
        assert await call is Code.REQUEST_ABORTED
        await service.end()

    within(test())


def test_a_service_that_stops_aborts_the_call(tmp_path: Path) -> None:
    """And takes no other."""

    async def test() -> None:
        service = Service(tmp_path)
        call = service.call(State.ENCRYPTED)
        peer = await service.peer()
        start = await peer.hear_start()
        stopping = asyncio.create_task(service.users.stop())
        assert isinstance(await peer.hear(), StopPass)
        peer.finish(start, stopped=True, complete=False, partial=True)
        assert await call is Code.REQUEST_ABORTED
        assert await peer.hear() is None
        peer.exit()
        await stopping
        assert await service.call(State.ENCRYPTED) is Code.REQUEST_ABORTED
        await service.end()

    within(test())


def test_a_sink_is_waited_for_before_and_after_each_item(tmp_path: Path) -> None:
    """Continue, retry and abort come back to the worker."""

    async def test() -> None:
        service = Service(tmp_path)
        sink = Sink(Answer.CONTINUE, Answer.RETRY, Answer.CONTINUE, Answer.ABORT)
        call = service.call(State.ENCRYPTED, sink=sink)
        peer = await service.peer()
        start = await peer.hear_start()
        assert start.telling == "asked"
        heard = []
        for number in (1, 2):
            peer.say(ItemBegins(pass_id=start.pass_id, number=number, path="/x"))
            heard.append((await peer.hear()).answer)
            reason = "open_elsewhere" if number == 1 else ""
            peer.say(ItemEnds(pass_id=start.pass_id, number=number, path="/x", reason=reason))
            while not isinstance(message := await peer.hear(), Go):
                assert isinstance(message, StopPass)
            heard.append(message.answer)
        assert heard == ["continue", "retry", "continue", "abort"]
        peer.finish(start, stopped=True, complete=False, partial=True)
        assert await call is Code.CANCELLED
        assert sink.told == [
            ("begin",),
            ("item_begin", "/x"),
            ("item_result", "/x", Code.SHARING_VIOLATION),
            ("item_begin", "/x"),
            ("item_result", "/x", Code.SUCCESS),
            ("end", Code.CANCELLED),
        ]
        await service.end()

    within(test())


def test_with_async_progress_the_sink_is_told_and_not_waited_for(tmp_path: Path) -> None:
    """No answer goes to the worker."""

    async def test() -> None:
        service = Service(tmp_path)
        sink = Sink(Answer.ABORT)
        call = service.call(State.ENCRYPTED, 0x400, sink=sink)
        peer = await service.peer()
        start = await peer.hear_start()
        assert start.telling == "told"
        for number in range(1, 100):
            peer.say(ItemBegins(pass_id=start.pass_id, number=number, path="/x"))
            peer.say(ItemEnds(pass_id=start.pass_id, number=number, path="/x"))
        peer.finish(start)
        assert await call is Code.SUCCESS
        assert len(sink.told) == 2 + 2 * 99
        assert sink.told[-1] == ("end", Code.SUCCESS)
        await service.end()

    within(test())


def test_a_sink_that_does_not_want_it_to_begin_changes_nothing(tmp_path: Path) -> None:
    """The state neither."""

    async def test() -> None:
        service = Service(tmp_path)
        assert await service.call(State.UNENCRYPTED, sink=Sink(begin=False)) is Code.CANCELLED
        assert service.shared.cache.state is State.ENCRYPTED
        assert service.peers == []
        await service.end()

    within(test())


def test_a_worker_that_does_not_wait_for_the_answer_is_ended(tmp_path: Path) -> None:
    """It is not the one that was asked to."""

    async def test() -> None:
        service = Service(tmp_path)
        call = service.call(State.ENCRYPTED, sink=Sink())
        peer = await service.peer()
        start = await peer.hear_start()
        for number in (1, 2):
            peer.say(ItemBegins(pass_id=start.pass_id, number=number, path="/x"))
        assert await call is Code.REQUEST_ABORTED
        assert service.last("worker_failed")["reason"] == "malformed"
        await service.end()

    within(test())
