"""A connection to the message bus: messages out, messages in, and its end."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from dbus_fast import Message, MessageFlag, MessageType

from cscd.daemon.dbus.gate import Expectations, GatedBus
from cscd.daemon.dbus.interface import BUS, BUS_PATH
from cscd.errors import BusError

LONGEST_CALL: Final = 10.0
"""Seconds until the bus has to answer."""
_LONGEST_GOODBYE: Final = 1.0
"""Seconds until a connection has ended that we end."""

Body = Sequence[Any]
"""What a message holds, one value for each type of its signature."""
Handler = Callable[[Message], bool]
"""Is given what comes in; True: it takes care of it."""


class Connection:
    """One connection, from `opened` to its end."""

    def __init__(self, bus: GatedBus, expectations: Expectations) -> None:
        """Take what `opened` has made."""
        self._bus = bus
        self.expectations = expectations
        # Shared by all who wait for the end: one of them who is cancelled would cancel the library's future.
        self._end = asyncio.create_task(_end(bus))

    @classmethod
    async def opened(cls, address: str | None, expectations: Expectations) -> "Connection":
        """Connect to the bus at an address, None for the system bus. Raises `BusError`."""
        try:
            async with asyncio.timeout(LONGEST_CALL):
                return cls(await GatedBus(address, expectations).connect(), expectations)
        except Exception as error:  # of no base in common: address, socket, handshake
            raise BusError(f"no connection: {_said(error)}") from error

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return bool(self._bus.connected)

    def listen(self, handler: Handler) -> None:
        """Have a handler see what comes in from now on."""
        self._bus.add_message_handler(handler)

    def send(self, message: Message) -> "asyncio.Future[None] | None":
        """Send without waiting; done once the bus has it. None is returned if the connection has ended."""
        if not self._bus.connected:  # the library would go on with the number of a closed descriptor
            return None
        sent: asyncio.Future[None] = self._bus.send(message)
        sent.add_done_callback(_looked_at)
        return sent

    async def call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: Body = (),
        *,
        timeout: float = LONGEST_CALL,  # noqa: ASYNC109 - what happens then is part of the answer
    ) -> Message:
        """Call a method and return the answer, which may be an error.

        Raises:
            TimeoutError: there was none in time.
            BusError: the connection has ended.
        """
        if not self._bus.connected:
            raise BusError("the connection has ended")
        message = Message(destination, path, interface, member, signature=signature, body=list(body))
        async with asyncio.timeout(timeout):
            try:
                reply = await self._bus.call(message)
            except Exception as error:  # whatever ended the connection
                raise BusError(_said(error)) from error
        if reply is None:
            raise BusError("the connection has ended")
        return reply

    def tell(self, message: Message) -> "asyncio.Future[None] | None":
        """Call a method whose answer nobody wants."""
        message.flags = MessageFlag.NO_REPLY_EXPECTED | MessageFlag.NO_AUTOSTART
        return self.send(message)

    async def ask_bus(self, member: str, signature: str = "", body: Body = ()) -> Message:
        """Call the bus itself, which answers. Raises `BusError`, also if it says no."""
        try:
            reply = await self.call(BUS, BUS_PATH, BUS, member, signature, body)
        except TimeoutError as error:
            raise BusError(f"the bus did not answer {member} within {LONGEST_CALL:g} s") from error
        if reply.message_type is not MessageType.METHOD_RETURN:
            text = reply.body[0] if reply.signature.startswith("s") else ""
            raise BusError(f"the bus refused {member}: {reply.error_name}: {text}")
        return reply

    async def ended(self) -> str:
        """Wait until the connection has ended, and say why."""
        return await asyncio.shield(self._end)

    async def close(self) -> None:
        """End it."""
        self._bus.disconnect()
        # The library closes the socket when it has read its end.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_GOODBYE):
                await self.ended()


async def _end(bus: GatedBus) -> str:
    try:
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # the library's omission
    except Exception as error:  # noqa: BLE001 - whatever cannot be read ends it, too
        return f"the connection ended: {_said(error)}"
    return "the connection ended"


def _looked_at(sent: "asyncio.Future[None]") -> None:
    """Take notice of an error, so that nobody complains that nobody did: `ended` says it, too."""
    if not sent.cancelled():
        sent.exception()


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
