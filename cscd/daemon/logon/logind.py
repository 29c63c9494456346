"""The source `logind`: org.freedesktop.login1(5) on the system bus.

Signals are hints, what logind answers is the truth: whatever is told of a session only marks it, and one
task reads the marked ones, one after the other. So a session that comes and goes faster than it is read
costs one question, in whatever order the signals came. Signals are subscribed to before the first list, and
everything is listed anew when logind was restarted and after suspend.

That a session is `closing`, because processes outlive it, logind does not signal; that its scope changed,
systemd does, and logind has it do so for everybody on the bus (Subscribe in org.freedesktop.systemd1(5)).
"""

import asyncio
import re
from typing import Any, Final

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from cscd.daemon.dbus.gate import Expectations, GatedBus
from cscd.daemon.dbus.interface import BUS, BUS_PATH, PROPERTIES
from cscd.daemon.logon.session import (
    MOST_SESSIONS,
    Session,
    SessionListener,
    SourceLostError,
    is_session_id,
    session_of,
)

LONGEST_CALL: Final = 10.0
"""Seconds until logind has to answer, or the bus."""

_LONGEST_GOODBYE: Final = 1.0
"""Seconds until a connection has ended that we end."""

_AT_ONCE: Final = 16
"""Sessions that are asked for at the same time; the bus allows a connection far more (dbus-daemon(1))."""

_LOGIND: Final = "org.freedesktop.login1"
_PATH: Final = "/org/freedesktop/login1"
_MANAGER: Final = "org.freedesktop.login1.Manager"
_SESSION: Final = "org.freedesktop.login1.Session"
_SYSTEMD: Final = "org.freedesktop.systemd1"
_SCOPE: Final = "org.freedesktop.systemd1.Scope"

_SESSION_PATH: Final = re.compile(r"/org/freedesktop/login1/session/[A-Za-z0-9_]{1,128}")
_SCOPE_PATH: Final = re.compile(r"/org/freedesktop/systemd1/unit/session_2d([A-Za-z0-9]{1,64})_2escope")
"""The path of a session's scope: session-ID.scope, escaped as sd_bus_path_encode(3) does it."""

_MATCHES: Final = (
    *(
        f"type='signal',sender='{_LOGIND}',path='{_PATH}',interface='{_MANAGER}',member='{member}'"
        for member in ("SessionNew", "SessionRemoved", "PrepareForSleep")
    ),
    *(
        f"type='signal',sender='{sender}',path_namespace='{path}',interface='{PROPERTIES}',"
        f"member='PropertiesChanged',arg0='{interface}'"
        for sender, path, interface in (
            (_LOGIND, f"{_PATH}/session", _SESSION),
            (_SYSTEMD, "/org/freedesktop/systemd1/unit", _SCOPE),
        )
    ),
    *(
        f"type='signal',sender='{BUS}',path='{BUS_PATH}',interface='{BUS}',"
        f"member='NameOwnerChanged',arg0='{name}'"
        for name in (_LOGIND, _SYSTEMD)
    ),
)
"""What we ask the bus for. UserNew and UserRemoved say nothing more: who only lingers has no session."""

_GONE: Final = frozenset(
    (
        "org.freedesktop.DBus.Error.UnknownObject",
        "org.freedesktop.DBus.Error.UnknownMethod",
        "org.freedesktop.login1.NoSuchSession",
    )
)
"""How logind says that there is no such session, in its versions."""


_SIGNATURES: Final = frozenset({"so", "b", "sa{sv}as", "a(susso)", "a{sv}", "s"})
"""Of what logind and systemd send, and of the text of their errors."""
_LONGEST_BODY: Final = 4 << 20
"""Bytes; a session takes about a hundred in the list of all."""


def _everybody(_sender: str) -> bool:
    return True


class LogindSource:
    """Sessions as logind tells them."""

    name: Final = "logind"

    def __init__(self, address: str | None = None, *, longest_call: float = LONGEST_CALL) -> None:
        """Take the address of the bus, None for the system bus, and how long a call may take, in seconds."""
        self._address = address
        self._longest = longest_call

    async def watch(self, listener: SessionListener) -> None:
        """List all sessions, then tell of changes, until cancelled.

        Raises:
            SourceLostError: there is no bus, no logind on it, or no sense in its answers.
        """
        expected = Expectations(_SIGNATURES, refuses=_everybody, longest=_LONGEST_BODY)
        bus = await self._connected(expected)
        inner = _Watch(bus, listener, self._longest)
        expected.hears = inner.hears
        watch = asyncio.create_task(inner.run())
        end = asyncio.create_task(_closed(bus))
        try:
            await asyncio.wait((watch, end), return_when=asyncio.FIRST_COMPLETED)
            # What the bus ends with is the cause; what a call then ends with, its effect.
            (end if end.done() else watch).result()
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
            # The library closes the socket once it has read the end of it: not cancelled, but waited for.
            bus.disconnect()
            await asyncio.wait((end,), timeout=_LONGEST_GOODBYE)
            end.cancel()
            await asyncio.gather(end, return_exceptions=True)

    async def _connected(self, expected: Expectations) -> MessageBus:
        try:
            async with asyncio.timeout(self._longest):
                return await GatedBus(self._address, expected).connect()
        except Exception as error:  # of no base in common: address, socket, handshake
            raise SourceLostError(f"no connection to the system bus: {_said(error)}") from error


async def _closed(bus: MessageBus) -> None:
    """Wait until the connection has ended."""
    try:
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # the library's omission
    except Exception as error:  # whatever cannot be parsed ends the connection, too
        raise SourceLostError(f"the connection to the system bus ended: {_said(error)}") from error
    raise SourceLostError("the connection to the system bus ended")


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__


class _Watch:
    """One connection, from the first list to its end."""

    def __init__(self, bus: MessageBus, listener: SessionListener, longest: float) -> None:
        self._bus = bus
        self._listener = listener
        self._longest = longest
        self._owners: dict[str, str] = {}
        # What is open, and what was signalled: ids, with their paths.
        self._open: dict[str, str] = {}
        self._marked: dict[str, str] = {}
        self._relist: str | None = ""
        self._woken = asyncio.Event()
        self._woken.set()

    def hears(self, sender: str) -> bool:
        """Whether what this sender signals counts: anybody may send us signals, of any size."""
        return sender in self._owners.values()

    async def run(self) -> None:
        """Subscribe, list, and read what is marked, until something fails."""
        self._bus.add_message_handler(self._heard)
        for rule in _MATCHES:
            await self._call(BUS, BUS_PATH, BUS, "AddMatch", "s", [rule])
        for name in (_LOGIND, _SYSTEMD):
            await self._learn_owner(name)
        while True:
            await self._woken.wait()
            self._woken.clear()
            if self._relist is not None:
                await self._list()
            marked, self._marked = self._marked, {}
            for session_id, path in marked.items():
                self._tell(session_id, path, await self._read(session_id, path))

    async def _learn_owner(self, name: str) -> None:
        """Learn who speaks for a name; logind is started by the first call, if it has none yet."""
        reply = await self._ask(BUS, BUS_PATH, BUS, "GetNameOwner", "s", [name])
        if reply.message_type is MessageType.METHOD_RETURN and reply.signature == "s":
            self._owners.setdefault(name, reply.body[0])

    def _heard(self, message: Message) -> None:
        """Take note of a signal. Anybody may send us one, so that its sender counts: only the bus sets it."""
        if message.message_type is not MessageType.SIGNAL or message.sender is None:
            return
        if message.sender == BUS and message.member == "NameOwnerChanged" and message.signature == "sss":
            self._own(*message.body)
        elif message.sender == self._owners.get(_LOGIND):
            self._heard_logind(message)
        elif message.sender == self._owners.get(_SYSTEMD):
            scope = _SCOPE_PATH.fullmatch(message.path or "")
            if scope and (path := self._open.get(scope[1])):
                self._mark(scope[1], path)

    def _own(self, name: str, _old: str, new: str) -> None:
        if name not in (_LOGIND, _SYSTEMD):
            return
        self._owners[name] = new
        # A logind that has left is asked, too: the bus starts it again, or we learn that it cannot.
        if name == _LOGIND:
            self._list_anew("reconnect" if new else "")

    def _heard_logind(self, message: Message) -> None:
        match (message.member, message.signature):
            case ("SessionNew", "so") | ("SessionRemoved", "so"):
                session_id, path = message.body
                if is_session_id(session_id) and _SESSION_PATH.fullmatch(path):
                    self._mark(session_id, path)
            case ("PropertiesChanged", "sa{sv}as"):
                self._changed(message.path or "", set(message.body[1]) | set(message.body[2]))
            case ("PrepareForSleep", "b"):
                if message.body[0]:
                    self._listener.slept()
                else:
                    self._list_anew("resume")
            case _:
                return

    def _changed(self, path: str, names: set[str]) -> None:
        """Take note of a session that may have another class, or have been released (neither `Active`)."""
        if names & {"Class", "State", "Active"}:
            for session_id, known in self._open.items():
                if known == path:
                    self._mark(session_id, path)
                    return

    def _mark(self, session_id: str, path: str) -> None:
        """Have a session read; so many that nobody reads them all are listed instead."""
        if len(self._marked) >= MOST_SESSIONS:
            self._marked.clear()
            self._list_anew("")
            return
        self._marked[session_id] = path
        self._woken.set()

    def _list_anew(self, reason: str) -> None:
        self._relist = self._relist or reason
        self._woken.set()

    async def _list(self) -> None:
        """Read all sessions. What is signalled meanwhile is read after."""
        reason, self._relist = self._relist or "", None
        self._marked.clear()
        reply = await self._call(_LOGIND, _PATH, _MANAGER, "ListSessions")
        if reply.signature != "a(susso)":
            raise SourceLostError(f"logind listed sessions in an unknown form: {reply.signature[:64]}")
        listed = {
            entry[0]: entry[4]
            for entry in reply.body[0][:MOST_SESSIONS]
            if is_session_id(entry[0]) and _SESSION_PATH.fullmatch(entry[4])
        }
        places = asyncio.Semaphore(_AT_ONCE)

        async def read(session_id: str, path: str) -> Session | None:
            async with places:
                return await self._read(session_id, path)

        # The first that fails ends it; what the others then say is of no interest.
        found = await asyncio.gather(*(read(*entry) for entry in listed.items()))
        sessions = [session for session in found if session]
        self._open = {session.id: listed[session.id] for session in sessions}
        self._listener.listed(sessions, reason)

    async def _read(self, session_id: str, path: str) -> Session | None:
        """Return the session as it is now, or None if it is over."""
        reply = await self._ask(_LOGIND, path, PROPERTIES, "GetAll", "s", [_SESSION])
        if reply.message_type is MessageType.ERROR and reply.error_name in _GONE:
            return None
        body = _checked(reply, "GetAll").body
        if reply.signature != "a{sv}":
            raise SourceLostError(f"logind described a session in an unknown form: {reply.signature[:64]}")
        found = {name: value.value for name, value in body[0].items() if isinstance(value, Variant)}
        user = found.get("User")
        uid = user[0] if isinstance(user, list | tuple) and user else None  # a struct
        if found.get("Id", session_id) != session_id:
            return None
        return session_of(session_id, uid, found.get("Name"), found.get("Class"), found.get("State"))

    def _tell(self, session_id: str, path: str, session: Session | None) -> None:
        if session:
            self._open[session_id] = path
            self._listener.opened(session)
        else:
            self._open.pop(session_id, None)
            self._listener.closed(session_id)

    async def _call(self, *call: Any) -> Message:  # noqa: ANN401 - as `_ask`
        return _checked(await self._ask(*call), str(call[3]))

    async def _ask(
        self,
        name: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: Any = (),  # noqa: ANN401
    ) -> Message:
        """Return the answer, which may be an error."""
        message = Message(name, path, interface, member, signature=signature, body=list(body))
        try:
            async with asyncio.timeout(self._longest):
                reply = await self._bus.call(message)
        except TimeoutError as error:
            raise SourceLostError(f"{name} did not answer {member} within {self._longest:g} s") from error
        except Exception as error:  # the connection has ended, by whatever
            raise SourceLostError(f"{name} could not be asked for {member}: {_said(error)}") from error
        # None: the connection was closed in an orderly way.
        if reply is None:
            raise SourceLostError(f"{name} could not be asked for {member}: the connection ended")
        return reply


def _checked(reply: Message, member: str) -> Message:
    if reply.message_type is not MessageType.METHOD_RETURN:
        text = reply.body[0] if reply.signature.startswith("s") else ""
        raise SourceLostError(f"{member} was refused: {reply.error_name}: {text}")
    return reply
