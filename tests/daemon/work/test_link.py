"""The daemon's end of a worker's channel, with a worker that does as it likes."""

import asyncio
import contextlib
import json
from typing import Any

import pytest

from cscd.daemon.work.link import Link
from cscd.errors import MessageError
from cscd.worker.channel import LONGEST
from cscd.worker.messages import Ping, Pong, WantPass
from tests.daemon.peer import Peer, until, within


class Listener:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.given: list[tuple[str, str]] = []
        self.gone = 0
        self.fault: Exception | None = None

    def said(self, message: Any) -> None:  # noqa: ANN401 - a message of the worker's
        """Keep a message."""
        if self.fault:
            raise self.fault
        self.heard.append(message)

    def given_up(self, reason: str, detail: str) -> None:
        """Keep why."""
        self.given.append((reason, detail))

    def hung_up(self) -> None:
        """Count it."""
        self.gone += 1


def test_messages_come_and_go_in_order() -> None:
    """In both directions."""

    async def test() -> None:
        peer, listener = Peer(), Listener()
        link = Link(peer.connection, listener)
        for number in range(100):
            peer.say(Pong(number=number))
        await until(lambda: len(listener.heard) == 100)
        assert [each.number for each in listener.heard] == list(range(100))
        link.send(Ping(number=1))
        link.send(Ping(number=2))
        assert [(await peer.hear()).number, (await peer.hear()).number] == [1, 2]
        link.close()

    within(test())


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"[" * 100_000,
        b"{}",
        b"null",
        b'{"kind":"setup"}',
        b'{"kind":"pong","number":-1}',
        b'{"kind":"pong","number":1,"also":2}',
        b'{"kind":"pong","number":true}',
        b'{"kind":"pass_ended","pass_id":"../../x","complete":true,"partial":false,"stopped":false}',
        json.dumps({"kind": "pong", "number": 10**40}).encode(),
        b'{"kind":"pong","number":1}' + b" " * LONGEST,
        b'{"kind":"happened","event":"x","fields":{"a":[' + b",".join([b"[]"] * 40_000) + b"]}}",
    ],
)
def test_what_is_no_message_ends_the_link(data: bytes) -> None:
    """Nothing of it reaches the listener, and nothing more is read."""

    async def test() -> None:
        peer, listener = Peer(), Listener()
        link = Link(peer.connection, listener)
        peer.say_bytes(data)
        await until(lambda: listener.given)
        assert listener.given[0][0] == "malformed"
        assert not listener.heard
        assert not link.open

    within(test())


def test_a_message_that_makes_no_sense_now_ends_the_link() -> None:
    """The listener says so."""

    async def test() -> None:
        peer, listener = Peer(), Listener()
        listener.fault = MessageError("not now")
        Link(peer.connection, listener)
        peer.say(Pong(number=1))
        await until(lambda: listener.given)
        assert listener.given == [("malformed", "not now")]

    within(test())


def test_a_message_that_nobody_can_handle_ends_the_link() -> None:
    """It is its sender's loss: nothing of it reaches the loop, which would tell of it each time."""

    async def test() -> None:
        peer, listener = Peer(), Listener()
        listener.fault = OverflowError("int too large to convert to float")
        link = Link(peer.connection, listener)
        peer.say(Pong(number=1))
        await until(lambda: listener.given)
        assert listener.given == [("malformed", "OverflowError in handling it")]
        assert not link.open

    within(test())


def test_a_flood_ends_the_link() -> None:
    """After as much as a worker may send at once, whatever it is."""

    async def test() -> None:
        peer, listener = Peer(), Listener()
        Link(peer.connection, listener, ticks=lambda: 0.0)
        message = WantPass(trigger="retry", scope="found", items=1)
        with contextlib.suppress(OSError):  # the link was given up, in the middle of the flood
            while not listener.given:
                with contextlib.suppress(BlockingIOError):
                    while True:
                        peer.say(message)
                await asyncio.sleep(0)
        await until(lambda: listener.given)
        assert listener.given[0][0] == "flooded"
        assert len(listener.heard) < 30_000

    within(test())


def test_a_worker_that_reads_nothing_is_given_up() -> None:
    """Its messages wait for a while, and not without a bound."""

    async def test() -> None:
        peer, listener = Peer(), Listener()
        link = Link(peer.connection, listener)
        for number in range(100_000):
            link.send(Ping(number=number))
            if listener.given:
                break
        assert listener.given[0][0] == "hung"

    within(test())


def test_the_end_of_the_worker_is_heard() -> None:
    """Once, and what is sent afterwards goes nowhere."""

    async def test() -> None:
        peer, listener = Peer(), Listener()
        link = Link(peer.connection, listener)
        peer.exit()
        await until(lambda: listener.gone)
        link.send(Ping(number=1))
        assert (listener.gone, listener.given) == (1, [])

    within(test())


def test_closing_is_the_end_of_the_stream_for_the_worker() -> None:
    """That is how it is asked to end."""

    async def test() -> None:
        peer = Peer()
        Link(peer.connection, Listener()).close()
        assert await peer.hear() is None

    within(test())


def test_who_takes_long_to_hear_is_heard_a_little_at_a_time() -> None:
    """So that others are heard in between: what is left is heard in the next turn."""

    async def test() -> None:
        now = 0.0

        class Slow(Listener):
            def said(self, message: Any) -> None:  # noqa: ANN401 - a message of the worker's
                nonlocal now
                now += 0.1
                super().said(message)

        peer, listener = Peer(), Slow()
        link = Link(peer.connection, listener, ticks=lambda: now)
        for number in range(5):
            peer.say(Pong(number=number))
        turns: list[int] = []
        while len(listener.heard) < 5:
            await asyncio.sleep(0)
            if len(listener.heard) > sum(turns):
                turns.append(len(listener.heard) - sum(turns))
        assert turns == [1, 1, 1, 1, 1]
        link.close()

    within(test())
