"""The client's connection to the bus: calls of the service, what it sends by itself, and what errors mean.

Anybody may send a message to anybody's connection. What is not of the service, by the name that the bus alone
gives away, is not looked at.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, Final

from dbus_fast import BusType, Message, MessageFlag, MessageType
from dbus_fast.aio import MessageBus

from cscd.daemon.dbus.interface import BUS, BUS_PATH, CACHE, NAME, PATH
from cscd.errors import NotRunningError, ServiceError, ServiceRefusedError

LONGEST_CONNECT: Final = 10.0
"""Seconds for a bus to let us in."""
START: Final = "start it: systemctl start cscd"

_ERROR: Final = "org.freedesktop.DBus.Error."
_NOT_THERE: Final = (f"{_ERROR}ServiceUnknown", f"{_ERROR}NameHasNoOwner")
"""How the bus says that nobody has the name, and that it cannot have anybody started for it."""
_NOT_STARTED: Final = (f"{_ERROR}Spawn.", f"{_ERROR}TimedOut", "org.freedesktop.systemd1.")
"""The beginnings of errors with which the unit could not be started."""
_GONE: Final = (f"{_ERROR}NoReply", f"{_ERROR}Disconnected")
"""How the bus says that the service has gone before it answered."""
_REFUSED: Final = MappingProxyType(
    {
        f"{_ERROR}LimitsExceeded": ("busy", "the service said"),
        f"{_ERROR}AccessDenied": ("denied", "the bus does not let this be called"),
    }
)
"""Errors with which a call is turned away: the reason in a word, and who says so."""

Handler = Callable[[Message], bool]
"""Is given what the service sends; True: it takes care of it."""


class Link:
    """A connection from which the service is called."""

    def __init__(self, bus: MessageBus) -> None:
        """Take a connection; `opened` makes one."""
        self._bus = bus
        self._owner = ""
        """The unique name of the service, "" while there is none."""
        self._other_owner = asyncio.Event()
        """Set when that changes."""
        self._handlers: set[Handler] = set()
        self._end = asyncio.ensure_future(_ended(bus))
        bus.add_message_handler(self._heard)

    @classmethod
    async def opened(cls, address: str | None) -> "Link":
        """Connect to the bus at an address, None for the system bus. Raises NotRunningError."""
        try:
            async with asyncio.timeout(LONGEST_CONNECT):
                link = cls(await MessageBus(address, BusType.SYSTEM).connect())
        except Exception as error:  # of no base in common: address, socket, handshake
            raise _no_bus(str(error) or type(error).__name__) from error
        try:
            # The bus tells us of a new owner before anything that comes from it.
            rule = f"type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{NAME}'"
            await link.ask_bus("AddMatch", rule)
            with contextlib.suppress(NotRunningError):
                link._owner = (await link.ask_bus("GetNameOwner", NAME))[0]
        except BaseException:
            await link.close()
            raise
        return link

    async def close(self) -> None:
        """Leave the bus; the service cancels the calls that wait for an answer."""
        self._bus.disconnect()
        await self._end

    def listen(self, handler: Handler) -> Callable[[], None]:
        """Have a handler see what the service sends by itself; returns what ends that."""
        self._handlers.add(handler)
        return lambda: self._handlers.discard(handler)

    def send(self, message: Message) -> None:
        """Send, and do not wait; nothing happens where the connection has ended."""
        if self._bus.connected:
            sent = self._bus.send(message)
            sent.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def ended(self) -> NotRunningError:
        """Wait until the connection has ended, and return how to say so."""
        await asyncio.shield(self._end)
        return NotRunningError(f"the connection to the bus has ended; when it is back, {START}")

    async def next_service(self, known: str) -> str:
        """Wait until a service is there, another one than that of the unique name `known`; return its name.

        Raises NotRunningError when the connection ends.
        """
        while self._owner in ("", known):
            self._other_owner.clear()
            change = asyncio.ensure_future(self._other_owner.wait())
            try:
                await asyncio.wait((change, self._end), return_when=asyncio.FIRST_COMPLETED)
            finally:
                change.cancel()
            if self._end.done():
                raise await self.ended()
        return self._owner

    async def ask_bus(self, member: str, argument: str) -> Sequence[Any]:
        """Ask the bus itself."""
        return await self._call(Message(BUS, BUS_PATH, BUS, member, signature="s", body=[argument]))

    async def call(
        self, member: str, signature: str = "", *body: object, interface: str = CACHE
    ) -> Sequence[Any]:
        """Call a method of the service and wait for what it gives, as long as it takes.

        Raises NotRunningError where it is not there, ServiceRefusedError where it has no time for us, and
        ServiceError for other answers.
        """
        return await self._call(Message(NAME, PATH, interface, member, signature=signature, body=list(body)))

    async def leave_behind(self, member: str, signature: str, *body: object) -> None:
        """Call a method whose answer nobody will wait for, so that it goes on when we have left."""
        message = Message(NAME, PATH, CACHE, member, signature=signature, body=list(body))
        message.flags = MessageFlag.NO_REPLY_EXPECTED
        if not self._bus.connected:
            raise await self.ended()
        await self._bus.send(message)

    async def _call(self, message: Message) -> Sequence[Any]:
        if not self._bus.connected:
            raise await self.ended()
        answer = asyncio.ensure_future(self._bus.call(message))
        try:
            await asyncio.wait((answer, self._end), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise await self.ended()
        finally:
            answer.cancel()
        try:
            reply = answer.result()
        except Exception as error:  # whatever ended the connection
            raise await self.ended() from error
        if reply is None:
            raise await self.ended()
        if reply.message_type is MessageType.ERROR:
            raise _meant(reply)
        return list(reply.body)

    def _heard(self, message: Message) -> bool:
        """Take what came in; True for a call that somebody here answers."""
        if message.message_type is MessageType.SIGNAL and message.sender == BUS:
            if message.member == "NameOwnerChanged" and message.body[0] == NAME:
                self._owner = message.body[2]
                self._other_owner.set()
            return False
        if message.message_type not in (MessageType.SIGNAL, MessageType.METHOD_CALL):
            return False
        if not self._owner or message.sender != self._owner:
            return False  # the library answers that there is no such thing
        taken = [handler(message) for handler in tuple(self._handlers)]  # every one hears it
        return any(taken)


async def _ended(bus: MessageBus) -> None:
    """Wait until a connection has ended, however it did."""
    with contextlib.suppress(Exception):
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # the library's omission


def _no_bus(reason: str) -> NotRunningError:
    return NotRunningError(
        f"there is no system bus to reach the service through ({reason}); start it: systemctl start dbus cscd"
    )


def _meant(reply: Message) -> ServiceError:
    """Return what an error of the bus, or of the service, means."""
    name = reply.error_name or ""
    text = reply.body[0] if (reply.signature or "").startswith("s") else name
    if name in _NOT_THERE:
        return NotRunningError(f"the service is not running; {START}")
    if name in _GONE:
        return NotRunningError(f"the service ended before it answered; {START}")
    if name in _REFUSED:
        reason, said = _REFUSED[name]
        return ServiceRefusedError(reason, f"{said}: {text}")
    # The bus itself answers in the place of a service that systemd could not even load.
    if name.startswith(_NOT_STARTED) or reply.sender == BUS:
        return NotRunningError(f"the service could not be started ({text}); see: systemctl status cscd")
    return ServiceError(f"the service answered with an error: {text}")
