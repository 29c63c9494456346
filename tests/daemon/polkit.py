"""A polkit for tests: it answers as org.freedesktop.PolicyKit1 does, whatever the test wants it to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

from tests.daemon.encrypting import Served

NAME = "org.freedesktop.PolicyKit1"
Result = tuple[bool, bool, dict[str, str]]
YES: Result = (True, False, {})
NO: Result = (False, False, {})
CHALLENGE: Result = (False, True, {})
"""A password is needed, and nobody may or can be asked for it."""
DISMISSED: Result = (False, False, {"polkit.dismissed": "true"})


@dataclass
class Polkit:
    """What it answers, and what it was asked."""

    answer: Any = YES
    """A result, the name of an error, a signature and a body, or None for none."""
    asked: list[list[Any]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    def heard(self, call: Message) -> Message | bool:
        """Answer a call."""
        if call.message_type is not MessageType.METHOD_CALL:
            return False
        if call.member == "CancelCheckAuthorization":
            self.cancelled.append(call.body[0])
            return Message.new_method_return(call)
        assert call.member == "CheckAuthorization"
        assert call.signature == "(sa{sv})sa{ss}us"
        self.asked.append(call.body)
        if self.answer is None:
            return True
        if isinstance(self.answer, str):
            return Message.new_error(call, self.answer, "as the test wants it")
        if isinstance(self.answer, list):
            return Message.new_method_return(call, self.answer[0], self.answer[1:])
        return Message.new_method_return(call, "(bba{ss})", [self.answer])


@contextmanager
def polkit(server: Served) -> Iterator[Polkit]:
    """Have one on the bus while the block lasts."""
    authority = Polkit()

    async def start() -> MessageBus:
        bus = await MessageBus(server.bus.address).connect()
        bus.add_message_handler(authority.heard)
        await bus.request_name(NAME)
        return bus

    async def stop(bus: MessageBus) -> None:
        bus.disconnect()
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # theirs

    bus = server.call(start)
    try:
        yield authority
    finally:
        server.call(lambda: stop(bus))
