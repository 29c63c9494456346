"""The cache, as a program sees it: the interface org.cscd.OfflineFilesCache1 with types."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, NoReturn, Self

from dbus_fast import Message, MessageType

from cscd.client.agent import Offered, PassphraseAgent
from cscd.client.facts import Change, Encryption, Properties
from cscd.client.link import Link
from cscd.client.sink import Served, Sink
from cscd.daemon.dbus.interface import CACHE, NAME, PATH, PROPERTIES
from cscd.daemon.encrypt.codes import Code
from cscd.daemon.encrypt.flags import Flag
from cscd.errors import NotRunningError, ServiceError
from cscd.files.goal import State

NO_FLAGS = Flag(0)


class Cache:
    """The cache of this computer, through one connection; see the package for errors.

    A call that is not waited for any more (its task is cancelled) goes on until the connection is closed:
    `cancel` is how to end it sooner.
    """

    def __init__(self, link: Link) -> None:
        """Take a connection; `connected` makes one."""
        self._link = link
        self._numbers = itertools.count(1)

    @classmethod
    async def connected(cls, address: str | None = None) -> Self:
        """Connect to the bus at an address, such as ``unix:path=/run/bus``; None for the system bus.

        The service need not be running: where it is installed, the first call has it started.
        """
        return cls(await Link.opened(address))

    async def __aenter__(self) -> Self:
        """Stay connected while the block lasts."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """Leave the bus; calls that wait for their answer are cancelled by the service."""
        await self._link.close()

    # -- calls -----------------------------------------------------------------------------------

    async def encrypt(self, goal: State, flags: Flag = NO_FLAGS, sink: Sink | None = None) -> Code:
        """Bring the caller's items into a state, which becomes that of the cache; return what came of it.

        Args:
            goal: the state.
            flags: how; see each of them.
            sink: is told of each item, and asked.
        """
        encrypt = goal is State.ENCRYPTED
        if sink is None:
            return await self._code("Encrypt", "bu", encrypt, int(flags))
        path = f"{PATH}/sink{next(self._numbers)}"
        served = Served(self._link, path, sink)
        try:
            return await self._code("EncryptWithProgress", "buo", encrypt, int(flags), path)
        finally:
            await served.close()

    async def encrypt_user(self, uid: int, goal: State, flags: Flag = NO_FLAGS) -> Code:
        """Do the same for another user's items; administrators may."""
        return await self._code("EncryptUser", "ubu", uid, goal is State.ENCRYPTED, int(flags))

    async def leave_behind(self, goal: State, flags: Flag = NO_FLAGS, uid: int | None = None) -> None:
        """Ask for the same, and wait for nothing: the service goes on with it when we have left the bus.

        Whether it took that up is seen in `report`: `operation` of the user has one call more.
        """
        how = (goal is State.ENCRYPTED, int(flags))
        if uid is None:
            await self._link.leave_behind("Encrypt", "bu", *how)
        else:
            await self._link.leave_behind("EncryptUser", "ubu", uid, *how)

    async def cancel(self) -> Code:
        """Cancel what is under way for this user: SUCCESS, or CANCELLED where nothing was."""
        return await self._code("Cancel")

    @asynccontextmanager
    async def asking(self, agent: PassphraseAgent) -> AsyncIterator[None]:
        """Have an agent be asked for the passphrase, in calls with `Flag.INTERACTIVE`, while the block lasts.

        It comes first in calls on this connection, and is asked also for other programs of the same user.
        """
        offered = Offered(self._link, agent)
        try:
            await offered.register()
            yield
        finally:
            await offered.close()

    async def serve_agent(self, agent: PassphraseAgent) -> NoReturn:
        """Have an agent be asked by each service that comes, without having any started.

        Raises NotRunningError when the connection ends.
        """
        offered, known = Offered(self._link, agent), ""
        try:
            while True:
                known = await self._link.next_service(known)
                with suppress(NotRunningError):  # it has gone again
                    await offered.register()
        finally:
            await offered.close()

    # -- questions -------------------------------------------------------------------------------

    async def encryption(self) -> Encryption:
        """Return the state of the cache, and whether it is partial."""
        encrypted, partial = await self._values("GetEncryptionStatus", bool, bool)
        return Encryption(encrypted, partial)

    async def report(self) -> Any:  # noqa: ANN401 - whatever JSON can be
        """Return the object that ``cscd status --json`` prints; docs/command-line.md lists its fields."""
        (text,) = await self._values("GetStatus", str)
        try:
            return json.loads(text)
        except ValueError as error:
            raise _other_version("GetStatus") from error

    async def properties(self) -> Properties:
        """Return the properties, as they are now."""
        (found,) = await self._link.call("GetAll", "s", CACHE, interface=PROPERTIES)
        try:
            return Properties(*(found[name].value for name in ("Active", "Enabled", "Location")))
        except (KeyError, AttributeError, TypeError) as error:
            raise _other_version("GetAll") from error

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[AsyncIterator[Change]]:
        """Hear of each change of the state while the block lasts, in order, from its beginning on.

        ::

            async with cache.changes() as changes:
                async for change in changes:
                    print(change.now)
        """
        rule = f"type='signal',sender='{NAME}',path='{PATH}',interface='{CACHE}',member='EncryptionChanged'"
        heard: asyncio.Queue[Change] = asyncio.Queue()

        def hear(message: Message) -> bool:
            if message.message_type is not MessageType.SIGNAL or message.interface != CACHE:
                return False
            if message.member != "EncryptionChanged" or message.signature != "bbbb":
                return False
            was, was_partial, now, partial = message.body
            heard.put_nowait(Change(Encryption(was, was_partial), Encryption(now, partial)))
            return True

        deaf = self._link.listen(hear)
        try:
            await self._link.ask_bus("AddMatch", rule)
            yield self._each(heard)
        finally:
            deaf()
            with suppress(ServiceError):
                await self._link.ask_bus("RemoveMatch", rule)

    async def _each(self, heard: "asyncio.Queue[Change]") -> AsyncIterator[Change]:
        """Yield what was heard. Raises NotRunningError when the connection ends."""
        end = asyncio.ensure_future(self._link.ended())
        try:
            while True:
                change = asyncio.ensure_future(heard.get())
                try:
                    await asyncio.wait((change, end), return_when=asyncio.FIRST_COMPLETED)
                    if not change.done():
                        raise end.result()
                    yield change.result()
                finally:
                    change.cancel()
        finally:
            end.cancel()

    # -- answers ---------------------------------------------------------------------------------

    async def _code(self, member: str, signature: str = "", *body: object) -> Code:
        (number,) = _checked(member, await self._link.call(member, signature, *body), int)
        try:
            return Code(number)
        except ValueError as error:
            raise _other_version(member) from error

    async def _values(self, member: str, *kinds: type) -> tuple[Any, ...]:
        return _checked(member, await self._link.call(member), *kinds)


def _checked(member: str, values: Any, *kinds: type) -> tuple[Any, ...]:  # noqa: ANN401 - what the bus gave
    """Return the values of an answer, if they are of the types that are wanted."""
    if len(values) != len(kinds) or not all(map(isinstance, values, kinds)):
        raise _other_version(member)
    return tuple(values)


def _other_version(member: str) -> ServiceError:
    return ServiceError(
        f"the service answered {member} in a way that this version does not understand; is it of another one?"
    )
