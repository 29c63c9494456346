"""Asking a person for the passphrase of their key: a program's side of PassphraseAgent1 on the bus."""

import asyncio
from typing import Final

from dbus_fast import Message, MessageType

from cscd.client.link import Link
from cscd.daemon.dbus.interface import AGENT, AGENT_INTERFACE, PATH
from cscd.daemon.encrypt.codes import Code

AGENT_PATH: Final = f"{PATH}/agent"
"""Where a connection has its one agent."""


class PassphraseAgent:
    """Asks one person; override `unlock`."""

    async def unlock(self, *, terminal: bool) -> Code:
        """Ask for the passphrase and unlock the key over the control socket, as ``cscd keys unlock`` does.

        With `terminal`, ask on that of this process. Return SUCCESS when the key is unlocked, CANCELLED
        where the person says no, anything else where they could not be asked. Cancelled when nobody waits
        for it any more; it is not called again before it has ended.
        """
        del terminal
        return Code.NOT_AUTHENTICATED


class Offered:
    """An agent as an object on the bus."""

    def __init__(self, link: Link, agent: PassphraseAgent) -> None:
        """Offer `agent` at our own connection; `register` has the service know."""
        self._link = link
        self._agent = agent
        self._waiting: list[Message] = []
        """Calls of Unlock that the one dialog is for."""
        self._asking: asyncio.Task[None] | None = None
        self._deaf = link.listen(self._heard)

    async def register(self) -> None:
        """Have the service that is there now know of it. Raises ServiceError."""
        await self._link.call("RegisterPassphraseAgent", "o", AGENT_PATH)

    async def close(self) -> None:
        """Be there no more, and close the dialog."""
        self._deaf()
        if self._asking:
            self._asking.cancel()
            await asyncio.wait((self._asking,))

    def _heard(self, message: Message) -> bool:
        if message.message_type is not MessageType.METHOD_CALL or message.path != AGENT_PATH:
            return False
        method = AGENT_INTERFACE.method(message.member)
        if message.interface != AGENT or method is None or message.signature != method.signature:
            return False  # the library answers that there is no such thing
        if method.name == "Unlock":
            self._waiting.append(message)
            if self._asking is None:
                self._asking = asyncio.create_task(self._ask(terminal=message.body[0]), name="agent")
        elif self._asking:
            self._asking.cancel()
        return True

    async def _ask(self, *, terminal: bool) -> None:
        """Ask once for all who wait, and answer them."""
        code = Code.NOT_AUTHENTICATED
        try:
            code = await self._agent.unlock(terminal=terminal)
        except asyncio.CancelledError:
            code = Code.CANCELLED
        finally:
            self._asking = None
            waiting, self._waiting = self._waiting, []
            for message in waiting:
                self._link.send(Message.new_method_return(message, "u", [int(code)]))
