"""The client for programs: calls, answers, the signal, and what there is where no service or bus is."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cscd.client import Cache, Change, Code, Encryption, Flag, Properties, State
from cscd.daemon.encrypt.calls import Facts
from cscd.errors import NotRunningError, ServiceRefusedError
from tests.daemon.encrypting import Call, Served, held, served
from tests.support.messagebus import message_bus
from tests.support.users import DAEMON, call_as
from tests.support.waiting import wait_until

SECONDS = 20.0
"""For what takes milliseconds."""

Work = Callable[[Cache], Coroutine[Any, Any, Any]]


@pytest.fixture
def server(common_path: Path) -> Iterator[Served]:
    """Serve on a bus that everybody can reach."""
    with served(common_path) as server:
        yield server


def on(address: str, work: Work) -> Any:  # noqa: ANN401 - whatever the work returns
    """Do some work with a client."""

    async def run() -> Any:  # noqa: ANN401
        async with asyncio.timeout(SECONDS), await Cache.connected(address) as cache:
            return await work(cache)

    return asyncio.run(run())


async def until(event: Callable[[], Any], what: str) -> Any:  # noqa: ANN401 - whatever it is
    """Wait in a thread, while the loop goes on."""
    return await asyncio.to_thread(wait_until, event, what)


def leave(server: Served) -> None:
    """Have the service's connection end, as when it is killed."""
    line: Any = server.service._line  # noqa: SLF001 - nothing else ends it without its calls being answered
    line.connection._bus.disconnect()  # noqa: SLF001


# -- calls -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("goal", State)
def test_encrypt_reaches_the_service(server: Served, goal: State) -> None:
    """With the state and the flags that were given."""
    flags = Flag.BACKGROUND | Flag.INTERACTIVE
    assert on(server.bus.address, lambda cache: cache.encrypt(goal, flags)) is Code.SUCCESS
    (call,) = server.core.calls
    assert (call.goal, call.bits, call.for_uid, call.sink) == (goal, int(flags), None, None)


@pytest.mark.parametrize("code", Code)
def test_every_code_comes_back(server: Served, code: Code) -> None:
    """What comes of a call is no exception."""

    async def work(_: Call) -> Code:
        return code

    server.core.work = work
    assert on(server.bus.address, lambda cache: cache.encrypt(State.ENCRYPTED)) is code


def test_another_user_can_be_meant(server: Served) -> None:
    """By uid."""
    assert on(server.bus.address, lambda cache: cache.encrypt_user(1234, State.UNENCRYPTED)) is Code.SUCCESS
    (call,) = server.core.calls
    assert (call.goal, call.for_uid) == (State.UNENCRYPTED, 1234)


def test_cancel_reaches_the_service_while_a_call_waits(server: Served) -> None:
    """On the same connection."""
    server.core.work = held

    async def work(cache: Cache) -> tuple[Code, Code]:
        call = asyncio.create_task(cache.encrypt(State.ENCRYPTED))
        under_way = await until(lambda: server.call_number(1), "the call has come")
        cancelled = await cache.cancel()
        server.loop.call_soon_threadsafe(under_way.let_go.set)
        return cancelled, await call

    assert on(server.bus.address, work) == (Code.SUCCESS, Code.SUCCESS)
    assert len(server.core.cancelled) == 1


def test_who_leaves_cancels_the_call(server: Served) -> None:
    """Closing the connection is enough."""
    server.core.work = held

    async def work(cache: Cache) -> asyncio.Task[Code]:
        call = asyncio.create_task(cache.encrypt(State.ENCRYPTED))
        await until(lambda: server.call_number(1), "the call has come")
        return call

    async def left() -> None:
        async with await Cache.connected(server.bus.address) as cache:
            call = await work(cache)
        with pytest.raises(NotRunningError):
            await call

    asyncio.run(left())
    assert server.core.calls[0].gone.wait(SECONDS)


@pytest.mark.parametrize("uid", [None, 1234])
def test_what_is_left_behind_goes_on(server: Served, uid: int | None) -> None:
    """For oneself or another user, after the connection is closed."""
    server.core.work = held

    async def work(cache: Cache) -> None:
        await cache.leave_behind(State.UNENCRYPTED, Flag.BACKGROUND, uid)
        await until(lambda: server.call_number(1), "the call has come")

    on(server.bus.address, work)
    assert on(server.bus.address, Cache.encryption).encrypted
    (call,) = server.core.calls
    assert (call.goal, call.bits, call.for_uid) == (State.UNENCRYPTED, int(Flag.BACKGROUND), uid)
    assert not call.gone.is_set()
    server.call(call.let_go.set)


def test_nothing_of_the_service_is_loaded() -> None:
    """A program that calls it pays for what is on the bus alone."""
    program = "import sys, cscd.client; print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", program], text=True).split())
    assert "cscd.client.cache" in loaded
    parts = {".".join(name.split(".")[:2]) for name in loaded if name.startswith("cscd.")}
    below = {"cscd.age", "cscd.errors", "cscd.files", "cscd.numbered"}
    assert parts == {"cscd.client", "cscd.daemon", *below}
    assert loaded.isdisjoint({"cscd.daemon.service", "cscd.daemon.dbus.bus", "pydantic"})


# -- questions ---------------------------------------------------------------------------------------------


def test_the_state_is_told(server: Served) -> None:
    """Encrypted or not, and whether that is partial."""
    server.core.state = (False, True)
    assert on(server.bus.address, Cache.encryption) == Encryption(encrypted=False, partial=True)


def test_the_report_is_json(server: Served) -> None:
    """As the service gives it to this caller."""
    assert set(on(server.bus.address, Cache.report)) == {"for"}


def test_properties_are_read_at_once(server: Served) -> None:
    """All three."""
    server.core.facts_now = Facts(active=True, enabled=False, location="/srv/{user}")
    found = on(server.bus.address, Cache.properties)
    assert found == Properties(active=True, enabled=False, location="/srv/{user}")


def test_changes_are_heard_in_order(server: Served) -> None:
    """From the beginning of the block on, by everybody who listens."""
    first, second = (True, False, True, True), (True, True, False, True)

    async def work(cache: Cache) -> list[Change]:
        async with cache.changes() as changes, cache.changes() as others:
            for each in (first, second):
                await asyncio.to_thread(server.call, partial(server.service.encryption_changed, *each))
            return [await anext(changes), await anext(changes), await anext(others)]

    whole, part = Encryption(encrypted=True, partial=False), Encryption(encrypted=True, partial=True)
    last = Encryption(encrypted=False, partial=True)
    heard = [Change(whole, part), Change(part, last)]
    assert on(server.bus.address, work) == [*heard, heard[0]]


def test_the_end_of_the_bus_ends_the_waiting(server: Served) -> None:
    """For an answer, and for a change."""
    server.core.work = held

    async def work(cache: Cache) -> list[BaseException | Code | Change]:
        async with cache.changes() as changes:
            waiting = asyncio.gather(cache.encrypt(State.ENCRYPTED), anext(changes), return_exceptions=True)
            await until(lambda: server.call_number(1), "the call has come")
            server.bus.kill()
            return list(await waiting)

    assert [type(each) for each in on(server.bus.address, work)] == [NotRunningError, NotRunningError]


# -- no answer ---------------------------------------------------------------------------------------------


def test_no_service_says_how_to_start_it(common_path: Path) -> None:
    """Where nobody has the name."""
    with message_bus(common_path) as bus, pytest.raises(NotRunningError, match="systemctl start cscd"):
        on(bus.address, Cache.encryption)


def test_no_bus_says_so(tmp_path: Path) -> None:
    """Where nothing listens at the address."""
    with pytest.raises(NotRunningError, match=r"there is no system bus .*systemctl start dbus"):
        on(f"unix:path={tmp_path}/bus", Cache.encryption)


def test_a_service_that_stops_meanwhile_is_told_from_one_that_is_not_there(server: Served) -> None:
    """The call that waits gets an answer of its own."""
    server.core.work = held

    async def work(cache: Cache) -> None:
        call = asyncio.create_task(cache.encrypt(State.ENCRYPTED))
        await until(lambda: server.call_number(1), "the call has come")
        await asyncio.to_thread(server.call, lambda: leave(server))
        await call

    with pytest.raises(NotRunningError, match="ended before it answered"):
        on(server.bus.address, work)


@pytest.mark.root
def test_who_asks_too_much_is_told_so(server: Served) -> None:
    """As an error of its own, so that a program can wait and try again."""
    server.core.work = held
    address = server.bus.address

    def flood() -> str:
        async def work(cache: Cache) -> str:
            calls = [asyncio.create_task(cache.encrypt(State.ENCRYPTED)) for _ in range(30)]
            done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_EXCEPTION)
            errors = [call.exception() for call in done]
            for call in calls:
                call.cancel()
            refused = next(error for error in errors if isinstance(error, ServiceRefusedError))
            return refused.reason

        return str(on(address, work))

    assert call_as(DAEMON, flood) == "busy"
