"""Who asks people for passphrases: objects of users' own, with the interface PassphraseAgent1.

An agent shows a dialog and unlocks the key itself, over the control socket: no secret comes over the bus, and
what an agent answers proves nothing. It is asked for calls of its own user alone. One that hangs or dies
costs its caller the wait, and nobody else anything.
"""

from typing import Final

from dbus_fast import ErrorType, Message, MessageType

from cscd.daemon.dbus.connection import Connection
from cscd.daemon.dbus.interface import AGENT
from cscd.daemon.dbus.refusal import Refusal
from cscd.daemon.encrypt.calls import Asked, Caller
from cscd.daemon.encrypt.codes import Code
from cscd.errors import BusError

LONGEST_DIALOG: Final = 300.0
"""Seconds until somebody has typed a passphrase; agents close their dialogs somewhat earlier."""
MOST_EACH: Final = 16
"""Agents of one user."""


class _Agent:
    """One object, and how many calls wait for it."""

    def __init__(self, connection: Connection, bus_name: str, path: str) -> None:
        self._connection = connection
        self._where = (bus_name, path, AGENT)
        self._waiting = 0

    async def unlock(self, longest: float, *, console: bool) -> Asked:
        """Have it ask; its dialog is closed when nobody waits for it any more.

        Raises TimeoutError, and BusError where it is not there.
        """
        self._waiting += 1
        over = False
        try:
            reply = await self._connection.call(*self._where, "Unlock", "b", [console], timeout=longest)
            over = True
        finally:
            self._waiting -= 1
            if not over and not self._waiting:
                self._connection.tell(Message(*self._where, "Cancel"))
        if reply.message_type is not MessageType.METHOD_RETURN or reply.signature != "u":
            raise BusError("the agent has gone, or is none")
        (code,) = reply.body
        if code == Code.SUCCESS:
            return Asked.ANSWERED
        return Asked.DISMISSED if code == Code.CANCELLED else Asked.NOBODY


class Agents:
    """The agents on one connection to the bus."""

    def __init__(self, connection: Connection, *, longest: float = LONGEST_DIALOG) -> None:
        """Take the connection to reach them over, and how long to wait for one, in seconds."""
        self._connection = connection
        self._longest = longest
        self._of: dict[int, dict[str, _Agent]] = {}
        """By uid and unique name, in the order in which they came."""

    def register(self, caller: Caller, path: str) -> None:
        """Know the caller's agent, in place of one on the same connection. Raises `Refusal`."""
        agents = self._of.setdefault(caller.uid, {})
        agents.pop(caller.bus_name, None)
        if len(agents) >= MOST_EACH:
            raise Refusal(ErrorType.LIMITS_EXCEEDED, f"a user has at most {MOST_EACH} agents")
        agents[caller.bus_name] = _Agent(self._connection, caller.bus_name, path)

    def forget(self, bus_name: str) -> None:
        """Take note that a connection has left."""
        for uid, agents in tuple(self._of.items()):
            agents.pop(bus_name, None)
            if not agents:
                del self._of[uid]

    async def unlock(self, caller: Caller, *, console: bool) -> Asked:
        """Have an agent of the caller's ask for the passphrase; see `cscd.daemon.encrypt.calls.Prompter`."""
        for bus_name in self._order(caller, console=console):
            agent = self._of.get(caller.uid, {}).get(bus_name)
            if agent is None:
                continue  # it has left meanwhile
            try:
                asked = await agent.unlock(self._longest, console=console)
            except TimeoutError:
                return Asked.NOBODY
            except BusError:
                self.forget(bus_name)
                continue
            if asked is not Asked.NOBODY:
                return asked
        return Asked.NOBODY

    def _order(self, caller: Caller, *, console: bool) -> list[str]:
        """Return whom to ask: the caller's own, then the user's others: none of those has its terminal."""
        agents = self._of.get(caller.uid, {})
        own = [caller.bus_name] if caller.bus_name in agents else []
        if console:
            return own
        return own + [name for name in reversed(agents) if name != caller.bus_name]
