"""The sink of a call: what it is told, what its answers do, and what happens if it is broken or gone."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dbus_fast import Message, MessageType

from cscd.daemon.dbus.notifications import MOST_WAITING, PACE
from cscd.daemon.encrypt.calls import Answer, ItemSink
from cscd.daemon.encrypt.codes import Code
from cscd.events.escape import unescape
from tests.daemon.callers import ENCRYPT, SILENCE, SINK, Client, client
from tests.daemon.encrypting import Call, Served, served

YES = {"Begin": True, "ItemBegin": 0, "ItemResult": 0, "QueryAbort": False, "End": None}
"""What a sink answers that has nothing against it."""

Script = Callable[[ItemSink], Awaitable[Any]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    """Serve with little patience for sinks."""
    with served(tmp_path, sink_timeout=0.3) as server:
        yield server


@pytest.fixture
def caller(server: Served) -> Iterator[Client]:
    """Be a client of it."""
    with client(server.bus.address) as caller:
        yield caller


def agreeable(member: str, _body: tuple[Any, ...]) -> object:
    """Have nothing against it."""
    return YES[member]


def told(server: Served, caller: Client, script: Script, flags: int = 0) -> list[Any]:
    """Let the core do what a script says with the caller's sink; return what the sink answered it."""
    found: list[Any] = []

    async def work(call: Call) -> Code:
        assert call.sink
        found.append(await script(call.sink))
        return Code.SUCCESS

    server.core.work = work
    assert caller.value("EncryptWithProgress", "buo", ENCRYPT, flags, SINK) == Code.SUCCESS
    return found[0]  # type: ignore[no-any-return] # a list, by convention


async def all_of_it(sink: ItemSink) -> list[Any]:
    """Ask everything once."""
    answers: list[Any] = [await sink.begin(), await sink.item_begin("/a")]
    answers += [await sink.item_result("/a", Code.SHARING_VIOLATION), await sink.query_abort()]
    await sink.end(Code.SHARING_VIOLATION)
    return answers


def test_a_sink_is_asked_about_everything(server: Served, caller: Client) -> None:
    """Begin, each item before and after, whether to stop, and the end; by the service's own connection."""
    caller.sink(agreeable)
    assert told(server, caller, all_of_it) == [True, Answer.CONTINUE, Answer.CONTINUE, False]
    assert caller.told == [
        ("Begin", ()),
        ("ItemBegin", ("/a",)),
        ("ItemResult", ("/a", 32)),
        ("QueryAbort", ()),
        ("End", (32,)),
    ]
    assert len(caller.senders) == 1


@pytest.mark.parametrize(
    "answers, heard",
    [
        ({"Begin": False}, [False, 0, 0, False]),
        ({"ItemBegin": 2}, [True, 2, 0, False]),
        ({"ItemBegin": 1, "ItemResult": 1}, [True, 1, 1, False]),
        ({"ItemResult": 2}, [True, 0, 2, False]),
        ({"QueryAbort": True}, [True, 0, 0, True]),
    ],
)
def test_answers_are_heard(server: Served, caller: Client, answers: dict[str, Any], heard: list[Any]) -> None:
    """Not to begin, retry, abort, stop."""
    caller.sink(lambda member, _: (YES | answers)[member])
    assert told(server, caller, all_of_it) == heard


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda *_: ValueError("no"), id="raises"),
        pytest.param(lambda *_: reply("s", "yes"), id="another type"),
        pytest.param(lambda *_: reply(""), id="nothing"),
        pytest.param(lambda *_: reply("uu", 0, 2), id="too much"),
        pytest.param(lambda *_: reply("ay", bytes(1 << 20)), id="a megabyte"),
        pytest.param(lambda *_: reply("u", 7), id="an unknown number"),
        pytest.param(lambda *_: reply("i", 2), id="a signed number"),
    ],
)
def test_what_is_no_answer_counts_as_continue(
    server: Served, caller: Client, broken: Callable[..., Any]
) -> None:
    """A sink that is broken stops nothing."""
    caller.sink(broken)
    assert told(server, caller, all_of_it) == [True, Answer.CONTINUE, Answer.CONTINUE, False]
    assert len(caller.told) == len(YES)


def reply(signature: str, *body: Any) -> Message:  # noqa: ANN401 - anything
    """Return an answer by hand."""
    return Message(
        message_type=MessageType.METHOD_RETURN, reply_serial=1, signature=signature, body=list(body)
    )


def test_a_sink_that_is_not_there_counts_as_continue(server: Served, caller: Client) -> None:
    """Nobody answers at that path but the library, with an error."""
    assert told(server, caller, all_of_it) == [True, Answer.CONTINUE, Answer.CONTINUE, False]


@pytest.mark.parametrize("then, heard", [("continue", [True, 0, 0, False]), ("abort", [False, 2, 2, True])])
def test_a_silent_sink_is_asked_once(tmp_path: Path, then: str, heard: list[Any]) -> None:
    """After the time that is configured it goes on, or ends, without asking again; the end it is told."""
    with served(tmp_path, sink_timeout=0.3, sink_silent=then) as server, client(server.bus.address) as caller:
        caller.sink(lambda *_: SILENCE)
        assert told(server, caller, all_of_it) == heard
        assert caller.told == [("Begin", ()), ("End", (32,))]
        (event,) = server.events("sink_timed_out")
        assert (event["operation"], event["then"], event["seconds"]) == ("Begin", then, 0.3)


def test_silence_in_the_middle_ends_the_asking(tmp_path: Path) -> None:
    """What was answered before counts; from the silence on it is as configured."""
    served_so = served(tmp_path, sink_timeout=0.3, sink_silent="abort")
    with served_so as server, client(server.bus.address) as caller:
        caller.sink(lambda member, _: SILENCE if member == "ItemResult" else YES[member])
        assert told(server, caller, all_of_it) == [True, Answer.CONTINUE, Answer.ABORT, True]


def test_a_caller_who_leaves_in_an_answer_cancels(server: Served) -> None:
    """The call is cancelled while the sink is asked; nobody waits for the time that is configured."""
    gone = threading.Event()

    async def work(call: Call) -> Code:
        assert call.sink
        try:
            await call.sink.begin()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            gone.set()
            raise
        return Code.SUCCESS

    server.core.work = work
    with client(server.bus.address) as leaving:
        leaving.sink(lambda *_: SILENCE)
        leaving.begin("EncryptWithProgress", "buo", ENCRYPT, 0, SINK)
        leaving.until(lambda: leaving.told)
    assert gone.wait(10)


def test_a_name_of_any_bytes_is_told(server: Served, caller: Client) -> None:
    """As the log writes it: bytes that are no text, control characters, and what nobody could tell apart."""
    names = ["/plain", "/l\udcff\x1b[31m", "/back\\slash", "/line\nbreak", "/\u202eabc", "/\ud800", "/ä b"]

    async def script(sink: ItemSink) -> list[Any]:
        return [await sink.item_begin(name) for name in names]

    caller.sink(agreeable)
    told(server, caller, script)
    assert [unescape(body[0]) for _, body in caller.told] == names
    assert caller.told[0][1] == ("/plain",)


# -- asynchronous ------------------------------------------------------------------------------------------


def items(number: int) -> Script:
    """Tell of so many items."""

    async def script(sink: ItemSink) -> list[Any]:
        sink.tell_begin()
        for item in range(number):
            sink.tell_item_begin(f"/{item}")
            sink.tell_item_result(f"/{item}", Code.SUCCESS)
            if item % 64 == 0:  # as between the messages of a worker
                await asyncio.sleep(0.001)
        sink.tell_end(Code.SUCCESS)
        return []

    return script


def test_notifications_come_in_order(server: Served, caller: Client) -> None:
    """All of them, the end last, and before the call returns."""
    caller.sink(agreeable)
    told(server, caller, items(100), 0x400)
    expected: list[Any] = [("Begin", ())]
    for item in range(100):
        expected += [("ItemBegin", (f"/{item}",)), ("ItemResult", (f"/{item}", 0))]
    assert caller.told == [*expected, ("End", (0,))]


def test_a_dead_sink_slows_nothing(tmp_path: Path) -> None:
    """The call returns long before anybody would give up on the sink; what is told stays bounded."""
    number = 20_000
    with served(tmp_path, sink_timeout=3600) as server, client(server.bus.address) as caller:
        caller.sink(lambda *_: SILENCE)
        begun = asyncio.new_event_loop()
        start = begun.time()
        told(server, caller, items(number), 0x400)
        assert begun.time() - start < 10
        begun.close()
        # The beginning, and the end: what lies between was dropped.
        assert caller.told[0] == ("Begin", ())
        assert caller.told[-2:] == [("ItemResult", (f"/{number - 1}", 0)), ("End", (0,))]
        assert len(caller.told) <= MOST_WAITING + PACE + 1
        assert server.events("sink_timed_out") == []


def test_a_sink_that_was_given_up_hears_the_end(server: Served, caller: Client) -> None:
    """After the time that is configured it is told nothing more but that, and the log says so."""

    async def script(sink: ItemSink) -> list[Any]:
        for item in range(PACE):
            sink.tell_item_begin(f"/{item}")
        await asyncio.to_thread(server.waited_for, "sink_timed_out")
        sink.tell_item_begin("/late")
        sink.tell_end(Code.CANCELLED)
        return []

    caller.sink(lambda *_: SILENCE)
    told(server, caller, script, 0x400)
    assert len(caller.told) == PACE + 1
    assert caller.told[-1] == ("End", (Code.CANCELLED,))
