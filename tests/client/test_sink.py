"""A program's own object that is told of each item of a call."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from cscd.client import Answer, Code, Flag, Sink, State
from tests.client.test_cache import on
from tests.daemon.callers import client, message
from tests.daemon.encrypting import Call, Served, served

PATH = "/srv/caf\udce9"
"""What the core calls an item; not UTF-8."""


class Noted(Sink):
    """Takes note of what it hears."""

    def __init__(self, answer: Answer = Answer.CONTINUE, *, begins: bool = True) -> None:
        self.heard: list[tuple[object, ...]] = []
        self.answer = answer
        self.begins = begins

    async def begin(self) -> bool:
        """Take note."""
        self.heard.append(("begin",))
        return self.begins

    async def item_begin(self, path: str) -> Answer:
        """Take note."""
        self.heard.append(("item_begin", path))
        return Answer.CONTINUE

    async def item_result(self, path: str, code: Code) -> Answer:
        """Take note."""
        self.heard.append(("item_result", path, code))
        return self.answer

    async def query_abort(self) -> bool:
        """Take note."""
        self.heard.append(("query_abort",))
        return self.answer is Answer.ABORT

    async def end(self, code: Code) -> None:
        """Take note."""
        self.heard.append(("end", code))


WHOLE = [
    ("begin",),
    ("item_begin", "/srv/caf\\xe9"),
    ("item_result", "/srv/caf\\xe9", Code.SHARING_VIOLATION),
    ("end", Code.SUCCESS),
]


@pytest.fixture
def server(common_path: Path) -> Iterator[Served]:
    """Serve on a bus that everybody can reach."""
    with served(common_path) as server:
        yield server


def test_each_item_waits_for_the_answer(server: Served) -> None:
    """And the answer reaches the work."""
    answers: list[object] = []

    async def work(call: Call) -> Code:
        assert call.sink
        answers.append(await call.sink.begin())
        answers.append(await call.sink.item_begin(PATH))
        answers.append(await call.sink.item_result(PATH, Code.SHARING_VIOLATION))
        await call.sink.end(Code.SUCCESS)
        return Code.SUCCESS

    server.core.work = work
    sink = Noted(Answer.RETRY)
    code = on(server.bus.address, lambda cache: cache.encrypt(State.ENCRYPTED, sink=sink))
    assert code is Code.SUCCESS
    assert answers == [True, Answer.CONTINUE, Answer.RETRY]
    assert sink.heard == WHOLE


def test_a_sink_can_refuse_and_abort(server: Served) -> None:
    """At the beginning, and where there is no item to ask about."""
    answers: list[object] = []

    async def work(call: Call) -> Code:
        assert call.sink
        answers.append(await call.sink.begin())
        answers.append(await call.sink.query_abort())
        return Code.CANCELLED

    server.core.work = work
    sink = Noted(Answer.ABORT, begins=False)
    assert on(server.bus.address, lambda cache: cache.encrypt(State.ENCRYPTED, sink=sink)) is Code.CANCELLED
    assert answers == [False, True]


def test_what_is_only_told_arrives_in_order(server: Served) -> None:
    """All of it, until the call returns."""

    async def work(call: Call) -> Code:
        assert call.sink
        call.sink.tell_begin()
        for number in range(50):
            call.sink.tell_item_begin(f"/{number}")
        call.sink.tell_end(Code.SUCCESS)
        return Code.SUCCESS

    server.core.work = work
    sink = Noted()
    on(server.bus.address, lambda cache: cache.encrypt(State.ENCRYPTED, Flag.ASYNC_PROGRESS, sink))
    assert sink.heard[0] == ("begin",)
    assert sink.heard[-1] == ("end", Code.SUCCESS)
    items = [each for each in sink.heard if each[0] == "item_begin"]
    assert items == [("item_begin", f"/{number}") for number in range(50)]


def test_a_sink_that_raises_stops_the_work_and_is_heard_of(server: Served) -> None:
    """The error comes out of the call, and the service is told to abort."""
    answers: list[object] = []

    class Broken(Sink):
        async def item_begin(self, path: str) -> Answer:
            raise ZeroDivisionError(path)

    async def work(call: Call) -> Code:
        assert call.sink
        answers.append(await call.sink.begin())
        answers.append(await call.sink.item_begin("/a"))
        answers.append(await call.sink.item_result("/a", Code.SUCCESS))
        answers.append(await call.sink.query_abort())
        return Code.CANCELLED

    server.core.work = work
    with pytest.raises(ZeroDivisionError):
        on(server.bus.address, lambda cache: cache.encrypt(State.ENCRYPTED, sink=Broken()))
    assert answers == [True, Answer.ABORT, Answer.ABORT, True]


@pytest.mark.root
def test_nobody_but_the_service_is_answered(server: Served) -> None:
    """Another program on the bus cannot make a sink believe anything."""
    address = server.bus.address
    sink = Noted()

    async def work(call: Call) -> Code:
        assert call.sink
        await call.sink.begin()
        await asyncio.to_thread(lie, call.caller.bus_name)
        return Code.SUCCESS

    def lie(name: str) -> None:
        with client(address) as liar:
            where = {"destination": name, "path": "/org/cscd/OfflineFiles1/sink1"}
            told = message("End", "u", 5, interface="org.cscd.Progress1", **where)
            assert liar.run(liar.called(told)).error_name

    server.core.work = work
    assert on(address, lambda cache: cache.encrypt(State.ENCRYPTED, sink=sink)) is Code.SUCCESS
    assert sink.heard == [("begin",)]
