"""Who calls: the owner of a unique name, as the bus knows it from the kernel (SO_PEERCRED in unix(7)).

The bus is asked once for each connection. Its unique name is never given to another one, so that what it
answered holds until the connection has left.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from dbus_fast import Variant

from cscd.daemon.dbus.connection import Connection
from cscd.daemon.encrypt.calls import Caller
from cscd.errors import BusError

MOST_KNOWN: Final = 4096
"""Connections that are remembered; a bus has at most 2,048 (dbus-daemon(1), max_completed_connections)."""
_LONGEST_NAME: Final = 2.0
"""Seconds that a call waits for the name of its caller, which only the log needs."""

NameOf = Callable[[int], Awaitable[str | None]]
"""Finds the name of an account by its uid; None if there is none."""


class Peers:
    """The connections that have called."""

    def __init__(self, connection: Connection, name_of: NameOf) -> None:
        """Take the connection to ask over, and who knows the names of accounts."""
        self._connection = connection
        self._name_of = name_of
        self._known: OrderedDict[str, Caller] = OrderedDict()
        self._asked: dict[str, asyncio.Task[Caller | None]] = {}

    def known(self, bus_name: str) -> Caller | None:
        """Return who that is, None if nobody has asked yet."""
        return self._known.get(bus_name)

    async def find(self, bus_name: str) -> Caller | None:
        """Return who that is; None if it has left, or the bus does not say."""
        if caller := self._known.get(bus_name):
            return caller
        task = self._asked.get(bus_name)
        if task is None:
            task = self._asked[bus_name] = asyncio.create_task(self._ask(bus_name))
            task.add_done_callback(lambda _: self._asked.pop(bus_name, None))
        # One that is cancelled must not take the answer away from the others who wait for it.
        return await asyncio.shield(task)

    def forget(self, bus_name: str) -> None:
        """Take note that a connection has left."""
        self._known.pop(bus_name, None)
        if task := self._asked.get(bus_name):
            task.cancel()

    async def _ask(self, bus_name: str) -> Caller | None:
        try:
            reply = await self._connection.ask_bus("GetConnectionCredentials", "s", [bus_name])
        except BusError:
            return None
        uid = _number(reply.body[0], "UnixUserID")
        if uid is None:
            return None
        pid = _number(reply.body[0], "ProcessID") or 0
        caller = Caller(uid, await self._name(uid), bus_name, pid)
        self._known[bus_name] = caller
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return caller

    async def _name(self, uid: int) -> str:
        try:
            async with asyncio.timeout(_LONGEST_NAME):
                return await self._name_of(uid) or str(uid)
        except TimeoutError:
            return str(uid)


def _number(found: object, key: str) -> int | None:
    """Return one of the credentials (D-Bus specification, "GetConnectionCredentials")."""
    value = found.get(key) if isinstance(found, dict) else None
    number = value.value if isinstance(value, Variant) and value.signature == "u" else None
    return number if isinstance(number, int) else None
