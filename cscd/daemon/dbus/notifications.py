"""Progress that is told without waiting: in order, bounded, and at the pace of the one who is told.

A message that nobody has to answer is taken by the bus at once, and kept for a program that does not read (up
to 127 MiB for each connection, dbus-daemon(1)). So one in `PACE` asks for an answer, and nothing more is sent
before that has come. What is told meanwhile waits here, and where too much waits, the middle goes: the
beginning was promised, and the end is what counts. The pass never waits for any of this.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from dbus_fast import Message

from cscd.daemon.dbus.connection import Body, Connection
from cscd.daemon.dbus.interface import PROGRESS
from cscd.daemon.encrypt.calls import Caller
from cscd.errors import BusError

PACE: Final = 32
"""Notifications for each one whose answer is waited for."""
MOST_WAITING: Final = 512
"""Notifications that wait to be sent."""

_Notification = tuple[str, str, Body]
"""Member, signature and body."""
Silent = Callable[[str], None]
"""Is told in which member the sink was silent for too long."""


class Notifications:
    """What one sink is told."""

    def __init__(
        self, connection: Connection, caller: Caller, path: str, longest: float, silent: Silent
    ) -> None:
        """Take where the sink is, how long it may be silent in seconds, and who is told if it is longer."""
        self._connection = connection
        self._caller = caller
        self._path = path
        self._longest = longest
        self._silent = silent
        self._waiting: deque[_Notification] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._dead = False
        self._number = 0
        self.dropped = 0
        """Notifications that were left out."""

    def tell(self, member: str, signature: str = "", body: Body = ()) -> None:
        """Tell something, in its turn."""
        if self._dead:
            return
        if len(self._waiting) >= MOST_WAITING:
            del self._waiting[MOST_WAITING // 2]
            self.dropped += 1
        self._waiting.append((member, signature, body))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())
            self._sending.add_done_callback(self._sent)

    def end(self, signature: str, body: Body) -> None:
        """Tell what waits, then the last there is to tell, without waiting for anything."""
        self.close()
        if not self._dead:
            for notification in self._waiting:
                self._connection.tell(self._message(*notification))
        self._connection.tell(self._message("End", signature, body))
        self._waiting.clear()
        self._dead = True

    def close(self) -> None:
        """Send nothing more of what waits."""
        if self._sending:
            self._sending.cancel()

    def _sent(self, _: "asyncio.Task[None]") -> None:
        self._sending = None

    async def _send(self) -> None:
        try:
            while self._waiting:
                member, signature, body = self._waiting.popleft()
                self._number += 1
                if self._number % PACE:
                    if sent := self._connection.tell(self._message(member, signature, body)):
                        await sent
                    # Others have their turn between any two.
                    await asyncio.sleep(0)
                else:
                    await self._paced(member, signature, body)
        except (BusError, OSError, EOFError):  # the connection has ended, and with it the caller's call
            self._give_up()

    async def _paced(self, member: str, signature: str, body: Body) -> None:
        """Tell something, and wait until it was taken. What is answered is of no interest."""
        where = (self._caller.bus_name, self._path, PROGRESS)
        try:
            await self._connection.call(*where, member, signature, body, timeout=self._longest)
        except TimeoutError:
            self._give_up()
            self._silent(member)

    def _give_up(self) -> None:
        self._dead = True
        self._waiting.clear()

    def _message(self, member: str, signature: str, body: Body) -> Message:
        return Message(
            self._caller.bus_name, self._path, PROGRESS, member, signature=signature, body=list(body)
        )
