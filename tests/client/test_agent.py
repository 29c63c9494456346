"""A passphrase agent of a program, served by the real bus and asked by the real bus side of the service."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from cscd.client import Cache, Code, Flag, PassphraseAgent, State
from cscd.daemon.encrypt.calls import Asked
from tests.daemon.encrypting import Call, Served, served, serving
from tests.support.messagebus import message_bus
from tests.support.waiting import wait_until

CAME = {Asked.ANSWERED: Code.SUCCESS, Asked.DISMISSED: Code.CANCELLED, Asked.NOBODY: Code.NOT_AUTHENTICATED}


class Person(PassphraseAgent):
    """Answers what a test wants, when it wants."""

    def __init__(self, code: Code = Code.SUCCESS, *, thinks: bool = False) -> None:
        self.code = code
        self.asked: list[bool] = []
        self.closed = 0
        self.answers = asyncio.Event()
        if not thinks:
            self.answers.set()

    async def unlock(self, *, terminal: bool) -> Code:
        """Take note, and think."""
        self.asked.append(terminal)
        try:
            await self.answers.wait()
        except asyncio.CancelledError:
            self.closed += 1
            raise
        return self.code


def ask(server: Served) -> None:
    """Have the core ask for a passphrase whatever is called."""

    async def work(call: Call) -> Code:
        return CAME[await server.service.unlock(call.caller, console=bool(call.bits & Flag.CONSOLE))]

    server.core.work = work


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    """Serve a core that asks."""
    with served(tmp_path) as server:
        ask(server)
        yield server


@pytest.mark.parametrize("code", [Code.SUCCESS, Code.CANCELLED, Code.NOT_AUTHENTICATED])
def test_what_the_person_says_counts(server: Served, code: Code) -> None:
    """In calls on the same connection; whether at the terminal is told."""

    async def test() -> None:
        person = Person(code)
        async with await Cache.connected(server.bus.address) as cache, cache.asking(person):
            assert await cache.encrypt(State.UNENCRYPTED, Flag.INTERACTIVE) is code
            assert await cache.encrypt(State.UNENCRYPTED, Flag.INTERACTIVE | Flag.CONSOLE) is code
        assert person.asked == [False, True]

    asyncio.run(test())


def test_two_calls_have_one_dialog(server: Served) -> None:
    """Both get its answer."""

    async def test() -> None:
        person = Person(thinks=True)
        async with await Cache.connected(server.bus.address) as cache, cache.asking(person):
            calls = [asyncio.create_task(cache.encrypt(State.UNENCRYPTED, Flag.INTERACTIVE)) for _ in "ab"]
            await asyncio.to_thread(wait_until, lambda: len(server.core.calls) == 2, "both calls have come")
            await cache.encryption()  # what was sent before has come by now
            person.answers.set()
            assert await asyncio.gather(*calls) == [Code.SUCCESS] * 2
        assert len(person.asked) == 1

    asyncio.run(test())


def test_a_dialog_is_closed_when_its_caller_leaves(server: Served) -> None:
    """It is shown on another connection, as on a desktop."""

    async def test() -> None:
        person = Person(thinks=True)
        async with await Cache.connected(server.bus.address) as desktop, desktop.asking(person):
            async with await Cache.connected(server.bus.address) as cache:
                call = asyncio.create_task(cache.encrypt(State.UNENCRYPTED, Flag.INTERACTIVE))
                await asyncio.wait_for(until(lambda: bool(person.asked)), 20)
            await asyncio.wait((call,))
            call.exception()
            await asyncio.wait_for(until(lambda: person.closed == 1), 20)

    asyncio.run(test())


def test_an_agent_that_raises_is_one_that_could_not(server: Served, caplog: pytest.LogCaptureFixture) -> None:
    """The call goes on, and so does the next one."""

    class Broken(PassphraseAgent):
        async def unlock(self, *, terminal: bool) -> Code:
            raise RuntimeError(str(terminal))

    async def test() -> None:
        async with await Cache.connected(server.bus.address) as cache, cache.asking(Broken()):
            for _ in "ab":
                code = await cache.encrypt(State.UNENCRYPTED, Flag.INTERACTIVE)
                assert code is Code.NOT_AUTHENTICATED

    asyncio.run(test())
    assert "RuntimeError" in caplog.text


def test_an_agent_serves_each_service_that_comes(tmp_path: Path) -> None:
    """It waits for one, and has none started."""

    async def test(address: str) -> None:
        person = Person()
        async with await Cache.connected(address) as desktop:
            serving_agent = asyncio.create_task(desktop.serve_agent(person))
            for number in (1, 2):
                with serving(address) as server:
                    await asyncio.to_thread(server.until_connected)
                    ask(server)
                    async with await Cache.connected(address) as cache:
                        while await cache.encrypt(State.UNENCRYPTED, Flag.INTERACTIVE) is not Code.SUCCESS:
                            await cache.encryption()  # it has not registered yet
                    assert len(person.asked) == number
            serving_agent.cancel()
            await asyncio.wait((serving_agent,))

    with message_bus(tmp_path) as bus:
        asyncio.run(test(bus.address))


async def until(event: "object") -> None:
    """Wait until something is so."""
    assert callable(event)
    while not event():  # noqa: ASYNC110 - an event of the test's, which is any function
        await asyncio.sleep(0.005)
