"""Encrypt from the call to the files: a real fork server, a real user's worker, and a sink that is told."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cscd.config import Settings
from cscd.config.settings import CacheSettings
from cscd.daemon.encrypt.calls import Answer, Caller
from cscd.daemon.encrypt.codes import Code
from cscd.daemon.encrypt.encryption import Encryption
from cscd.daemon.encrypt.flags import Flag
from cscd.daemon.keys.keyring import PassKeys
from cscd.daemon.logon.account import Account, Accounts
from cscd.daemon.state.disk import Disk
from cscd.daemon.telling.status import Status
from cscd.daemon.work.forkserver import ForkServer
from cscd.daemon.work.users import Users
from cscd.events.log import Log
from cscd.files.goal import State
from cscd.worker.holder import lending
from tests.daemon.peer import Keys, World, until
from tests.support import passes
from tests.support.openers import holding
from tests.support.users import ALICE

pytestmark = pytest.mark.root

CONTENT = b"as an application left it"
DEADLINE = 60.0
BOTH = pytest.mark.parametrize("waits", [True, False], ids=["asked", "told"])


class Known(Accounts):
    """A user database that knows one user, by number."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def find(self, uid: int) -> Account | None:
        """Return the account."""
        return self._account if uid == self._account.uid else None


class RealKeys(Keys):
    """Keys that encrypt and unencrypt."""

    async def for_pass(self, account: Account, goal: State) -> PassKeys:  # noqa: ARG002 - of a protocol
        """Return the key of the test run."""
        identity = passes.IDENTITY
        secret = lending.lent((identity,)) if goal is State.UNENCRYPTED else None
        return PassKeys((str(identity.recipient),), secret)


class Sink:
    """Keeps what it is told, and answers what the test has it answer."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.results: list[tuple[str, Code]] = []
        self.ended: list[Code] = []
        self.answers: dict[str, list[Answer]] = {}
        """By the name of an item: what to answer to its results, one after the other."""
        self.before: asyncio.Event | None = None
        """Set by the test once for each answer to a beginning."""

    async def begin(self) -> bool:
        """See `ItemSink`."""
        return True

    async def item_begin(self, path: str) -> Answer:
        """See `ItemSink`."""
        self.tell_item_begin(path)
        if self.before:
            await self.before.wait()
            self.before.clear()
        return Answer.CONTINUE

    async def item_result(self, path: str, code: Code) -> Answer:
        """See `ItemSink`."""
        self.tell_item_result(path, code)
        left = self.answers.get(Path(path).name)
        return left.pop(0) if left else Answer.CONTINUE

    async def query_abort(self) -> bool:
        """See `ItemSink`."""
        return False

    async def end(self, code: Code) -> None:
        """See `ItemSink`."""
        self.tell_end(code)

    def tell_begin(self) -> None:
        """See `ItemSink`."""

    def tell_item_begin(self, path: str) -> None:
        """See `ItemSink`."""
        self.begun.append(path)

    def tell_item_result(self, path: str, code: Code) -> None:
        """See `ItemSink`."""
        self.results.append((path, code))

    def tell_end(self, code: Code) -> None:
        """See `ItemSink`."""
        self.ended.append(code)


class Service(World):
    """The core of the service, around a real user who is not logged on."""

    def __init__(self, directory: Path, server: ForkServer) -> None:
        self.home = directory / "home"
        self.root = self.home / ".cache" / "cscd"
        self.root.mkdir(parents=True)
        self.state = directory / "own"
        self.state.mkdir(mode=0o700)
        service = directory / "service"
        service.mkdir(mode=0o700)
        for path in (self.home, self.root.parent, self.root, self.state):
            os.chown(path, ALICE.uid, ALICE.gid)
        super().__init__(service, Settings(cache=CacheSettings(roots=("{home}/.cache/cscd",))))
        self.account = Account("alice", ALICE.uid, ALICE.gid, str(self.home), (ALICE.gid,))
        self.caller = Caller(ALICE.uid, "alice")
        self.shared.keyring = RealKeys()
        self.shared.spawner = server
        self.shared.state_directory = lambda _account: str(self.state)
        self.users = Users(self.shared)
        self._disk = Disk("test")
        self.encryption = Encryption(self.shared, self.users, Known(self.account), self._disk, _no_status)
        self.encryption.authority = None

    def add(self, name: str, size: int = 0) -> Path:
        """Make an item; one with a size is sparse beyond its beginning."""
        item = self.root / name
        item.write_bytes(CONTENT)
        if size:
            os.truncate(item, size)
        os.chown(item, ALICE.uid, ALICE.gid)
        return item

    def choose(self, goal: State) -> None:
        """Have the cache be in a state, as an administrator chose it before."""
        self.shared.cache.choose(goal, "root")

    def call(self, sink: Sink, goal: State = State.ENCRYPTED, bits: int = 0) -> "asyncio.Task[Code]":
        """Call Encrypt as the user."""
        return asyncio.create_task(self.encryption.encrypt(self.caller, goal, bits, sink))

    @property
    def failures(self) -> list[str]:
        """What has gone wrong with workers and passes."""
        wrong = ("worker_failed", "pass_failed")
        return [str(each.fields) for each in self.kept.records if each.event in wrong]

    async def end(self) -> None:
        """Let go of everything."""
        await self.users.stop()
        self._disk.close()
        self.close()


def _no_status(_uid: int) -> Status:
    raise NotImplementedError


@asynccontextmanager
async def service(directory: Path) -> AsyncIterator[Service]:
    """Run the core of the service."""
    log = Log([])
    server = ForkServer(log)
    await server.start()
    try:
        made = Service(directory, server)
        try:
            yield made
        finally:
            await made.end()
    finally:
        await server.stop()
        log.close()


def run(test: Any) -> None:  # noqa: ANN401 - a coroutine
    """Run a test in a loop of its own, not for ever."""
    asyncio.run(asyncio.wait_for(test, DEADLINE))


def bits_of(*, waits: bool, background: bool) -> int:
    """Return the flags of a call."""
    return (0 if waits else Flag.ASYNC_PROGRESS) | (Flag.BACKGROUND if background else 0)


@BOTH
@pytest.mark.parametrize("background", [False, True], ids=["foreground", "background"])
def test_items_are_encrypted_and_unencrypted_and_the_sink_is_told(
    common_path: Path, waits: bool, background: bool
) -> None:
    """Each begins and ends once, and is in the state when the call returns."""

    async def test() -> None:
        async with service(common_path) as made:
            items = [made.add(str(number)) for number in range(20)]
            bits = bits_of(waits=waits, background=background)
            for goal in (State.ENCRYPTED, State.UNENCRYPTED):
                made.choose(goal)
                sink = Sink()
                assert await made.call(sink, goal, bits) is Code.SUCCESS
                assert sorted(sink.begun) == sorted(map(str, items))
                assert dict(sink.results) == {str(item): Code.SUCCESS for item in items}
                assert len(sink.results) == len(items)
                assert sink.ended == [Code.SUCCESS]
                encrypted = goal is State.ENCRYPTED
                assert made.encryption.status() == (encrypted, False)
                contents = [item.read_bytes() for item in items]
                assert [passes.plain(each) if encrypted else each for each in contents] == [CONTENT] * 20
                assert all((each != CONTENT) is encrypted for each in contents)
                again = Sink()
                assert await made.call(again, goal, bits) is Code.SUCCESS
                assert again.begun == []  # nobody is asked about what is right

    run(test())


@BOTH
@pytest.mark.parametrize("background", [False, True], ids=["foreground", "background"])
def test_an_item_in_use_is_a_sharing_violation(common_path: Path, waits: bool, background: bool) -> None:
    """The others are converted; it is partial until the call is repeated, and complete after that."""

    async def test() -> None:
        async with service(common_path) as made:
            held, free = made.add("held"), made.add("free")
            made.choose(State.ENCRYPTED)
            bits = bits_of(waits=waits, background=background)
            sink = Sink()
            with holding(held):
                assert await made.call(sink, bits=bits) is Code.SHARING_VIOLATION
                assert made.encryption.status() == (True, True)
            assert dict(sink.results) == {str(held): Code.SHARING_VIOLATION, str(free): Code.SUCCESS}
            assert sink.ended == [Code.SHARING_VIOLATION]
            sink = Sink()
            assert await made.call(sink, bits=bits) is Code.SUCCESS
            assert made.encryption.status() == (True, False)

    run(test())


def test_an_item_in_use_is_tried_again_when_the_sink_says_so(common_path: Path) -> None:
    """Once it is closed, it is converted, and the call is a success."""

    async def test() -> None:
        async with service(common_path) as made:
            held = made.add("held")
            made.choose(State.ENCRYPTED)
            sink = Sink()
            sink.answers["held"] = [Answer.RETRY]
            sink.before = asyncio.Event()
            call = made.call(sink)
            with holding(held):
                sink.before.set()
                await until(lambda: len(sink.begun) == 2)
            sink.before.set()
            assert await call is Code.SUCCESS
            assert [code for _, code in sink.results] == [Code.SHARING_VIOLATION, Code.SUCCESS]
            assert made.encryption.status() == (True, False)

    run(test())


@BOTH
def test_a_call_is_cancelled_in_the_middle_of_an_item(common_path: Path, waits: bool) -> None:
    """The item stays as it was, whole; the state stays, partial; and repeating the call completes it."""

    async def test() -> None:
        async with service(common_path) as made:
            large = made.add("large", 300 << 20)
            made.choose(State.ENCRYPTED)
            sink = Sink()
            call = made.call(sink, bits=bits_of(waits=waits, background=False))
            await until(lambda: sink.begun == [str(large)])
            assert made.encryption.cancel(made.caller) is Code.SUCCESS
            assert await call is Code.CANCELLED
            assert sink.ended == [Code.CANCELLED]
            assert made.encryption.status() == (True, True)
            with large.open("rb") as item:
                assert item.read(len(CONTENT)) == CONTENT
            assert large.stat().st_size == 300 << 20
            assert os.listdir(made.root) == ["large"]
            sink = Sink()
            assert await made.call(sink, bits=bits_of(waits=waits, background=False)) is Code.SUCCESS
            assert sink.results == [(str(large), Code.SUCCESS)]
            assert made.encryption.status() == (True, False)
            assert large.stat().st_size > 300 << 20

    run(test())


def test_abort_ends_the_call_cancelled_and_keeps_what_was_done(common_path: Path) -> None:
    """The sink's answer to an item stops before the next one."""

    async def test() -> None:
        async with service(common_path) as made:
            for name in "abc":
                made.add(name)
            made.choose(State.ENCRYPTED)
            sink = Sink()
            sink.answers = {name: [Answer.ABORT] for name in "abc"}
            assert await made.call(sink) is Code.CANCELLED
            assert len(sink.results) == 1
            assert sum(item.stat().st_size > len(CONTENT) for item in made.root.iterdir()) == 1
            assert made.encryption.status() == (True, True)
            sink = Sink()
            assert await made.call(sink) is Code.SUCCESS
            assert len(sink.results) == 2

    run(test())


@BOTH
def test_many_items_are_no_flood(common_path: Path, waits: bool) -> None:
    """The worker is not given up, whatever it has to tell; the last item is told."""

    async def test() -> None:
        async with service(common_path) as made:
            count = 300 if waits else 6000
            for number in range(count):
                made.add(str(number))
            made.choose(State.ENCRYPTED)
            sink = Sink()
            code = await made.call(sink, bits=bits_of(waits=waits, background=False))
            assert (code, made.failures) == (Code.SUCCESS, [])
            assert len(sink.results) == len(sink.begun)
            assert len(sink.results) == count if waits else len(sink.results) < count

    run(test())
