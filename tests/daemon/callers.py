"""Programs that call the service on the bus, as anybody could write one; they wait like a script does."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from dbus_fast import Message, MessageFlag, MessageType
from dbus_fast.aio import MessageBus

from cscd.daemon.dbus.interface import AGENT, CACHE, NAME, PATH, PROGRESS

SECONDS = 20.0
"""For what takes milliseconds."""

SINK = "/sink"
"""Where clients have their sink."""

Answer = TypeVar("Answer")
Told = tuple[str, tuple[Any, ...]]
"""A member and its arguments."""
Sink = Callable[[str, tuple[Any, ...]], Any]
"""Answers a call of a member: a value; an Exception for an error; `SILENCE` for nothing."""

ENCRYPT = True
"""The first argument of Encrypt."""

SILENCE = object()
RESULTS = {
    "Begin": "b",
    "ItemBegin": "u",
    "ItemResult": "u",
    "QueryAbort": "b",
    "End": "",
    "Unlock": "u",
    "Cancel": "",
}


class Client:
    """One connection."""

    def __init__(self, address: str) -> None:
        self._loop = asyncio.new_event_loop()
        self.bus = self.run(self._connected(address))
        self.told: list[Told] = []
        """What the sink was told."""
        self.senders: set[str | None] = set()
        """By whom."""
        self.signals: list[Told] = []
        """Signals that came."""
        self._sink: Sink | None = None
        self.bus.add_message_handler(self._heard)

    @staticmethod
    async def _connected(address: str) -> MessageBus:
        return await MessageBus(address).connect()

    def run(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        """Wait for something."""
        return self._loop.run_until_complete(asyncio.wait_for(coroutine, SECONDS))

    def call(self, member: str, signature: str = "", *body: Any, **other: Any) -> Message:  # noqa: ANN401
        """Call a method, and return the answer, which may be an error."""
        return self.run(self.called(message(member, signature, *body, **other)))

    async def called(self, call: Message) -> Message:
        """Return the answer to a call."""
        reply: Message | None = await self.bus.call(call)
        assert reply is not None
        return reply

    def value(self, member: str, signature: str = "", *body: Any, **other: Any) -> Any:  # noqa: ANN401
        """Call a method, and return what it gives: one value, or a list of more."""
        reply = self.call(member, signature, *body, **other)
        assert reply.message_type is MessageType.METHOD_RETURN, (reply.error_name, reply.body)
        return reply.body[0] if len(reply.body) == 1 else reply.body

    def error(self, member: str, signature: str = "", *body: Any, **other: Any) -> str:  # noqa: ANN401
        """Call a method, and return the error that it answers."""
        reply = self.call(member, signature, *body, **other)
        assert reply.message_type is MessageType.ERROR, reply.body
        assert reply.error_name
        assert reply.error_name.startswith("org.freedesktop.DBus.Error.")
        return reply.error_name.rsplit(".", 1)[1]

    def begin(self, member: str, signature: str = "", *body: Any) -> "asyncio.Task[Message]":  # noqa: ANN401
        """Call a method, and do not wait for the answer, only until it is sent."""
        task = self._loop.create_task(self.called(message(member, signature, *body)))
        self.value("GetId", destination="org.freedesktop.DBus", path="/", interface="org.freedesktop.DBus")
        return task

    def send(self, call: Message) -> None:
        """Send a message."""

        async def sent() -> None:
            await self.bus.send(call)

        self.run(sent())

    def finish(self, task: "asyncio.Task[Message]") -> Message:
        """Wait for the answer to such a call."""

        async def wait() -> Message:
            return await task

        return self.run(wait())

    def listen(self) -> None:
        """Have signals of the service come in."""
        rule = f"type='signal',sender='{NAME}'"
        bus = "org.freedesktop.DBus"
        self.value("AddMatch", "s", rule, destination=bus, path="/", interface=bus)

    def until(self, event: Callable[[], Answer]) -> Answer:
        """Let come in what comes until something is so."""

        async def wait() -> Answer:
            while not (answer := event()):  # noqa: ASYNC110 - an event of the test's, which is any function
                await asyncio.sleep(0.002)
            return answer

        return self.run(wait())

    def sink(self, sink: Sink) -> str:
        """Have a sink, and return its path."""
        self._sink = sink
        return SINK

    def close(self) -> None:
        """Leave the bus."""
        self.bus.disconnect()

        async def wait() -> None:
            ended: Any = self.bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # theirs
            await asyncio.gather(ended, return_exceptions=True)
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        if not self._loop.is_closed():
            self._loop.run_until_complete(wait())
            self._loop.close()

    def _heard(self, told: Message) -> Message | bool | None:
        if told.message_type is MessageType.SIGNAL and told.path == PATH:
            self.signals.append((told.member or "", tuple(told.body)))
            return None
        ours = told.message_type is MessageType.METHOD_CALL and told.interface in (PROGRESS, AGENT)
        if not ours or not self._sink:
            return None
        self.told.append((told.member or "", tuple(told.body)))
        self.senders.add(told.sender)
        answer = self._sink(told.member or "", tuple(told.body))
        if told.flags & MessageFlag.NO_REPLY_EXPECTED or answer is SILENCE:
            return True
        if isinstance(answer, Message):
            answer.reply_serial, answer.destination = told.serial, told.sender
            return answer
        if isinstance(answer, Exception):
            return Message.new_error(told, "org.example.Error", str(answer))
        wanted = RESULTS[told.member or ""]
        return Message.new_method_return(told, wanted, [answer] if wanted else [])


def message(member: str, signature: str = "", *body: Any, **other: Any) -> Message:  # noqa: ANN401
    """Return a call of the service, or of something else."""
    where = {"destination": NAME, "path": PATH, "interface": CACHE} | other
    return Message(member=member, signature=signature, body=list(body), **where)


@contextmanager
def client(address: str) -> Iterator[Client]:
    """Be on the bus while the block lasts."""
    caller = Client(address)
    try:
        yield caller
    finally:
        caller.close()
