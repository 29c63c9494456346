"""A message bus of our own, and a logind on it: the peers of the sources, not what is tested.

`Bus` is the real dbus-daemon with a configuration like the system bus's. `Logind` answers as
org.freedesktop.login1(5) does, with sessions that a test opens and closes.
"""

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from tests.support.waiting import wait_until

LOGIND = "org.freedesktop.login1"
MANAGER = "org.freedesktop.login1.Manager"
PATH = "/org/freedesktop/login1"

_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/> <allow own="*"/> <allow send_type="method_call"/> <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/> <allow receive_type="method_return"/>
    <allow receive_type="error"/> <allow receive_type="signal"/>
  </policy>
</busconfig>
"""

Answer = TypeVar("Answer")


class Bus:
    """A private dbus-daemon, which can be killed and started again at the same address."""

    def __init__(self, directory: Path) -> None:
        self._socket = directory / "bus"
        self._configuration = directory / "bus.conf"
        self._configuration.write_text(_CONFIGURATION.format(path=self._socket))
        self.address = f"unix:path={self._socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens: it prints its address then."""
        self._socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            ["dbus-daemon", f"--config-file={self._configuration}", "--nofork", "--print-address"],
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout
        assert self._process.stdout.readline()

    def kill(self) -> None:
        """Kill it as a crash would."""
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            assert self._process.stdout
            self._process.stdout.close()
            self._process = None


@dataclass(slots=True)
class FakeSession:
    """A session as logind has it."""

    uid: int
    session_class: str = "user"
    state: str = "active"
    user: str = "somebody"


def path_of(session_id: str) -> str:
    """The path of a session."""
    return f"{PATH}/session/_3{session_id}" if session_id[0].isdigit() else f"{PATH}/session/{session_id}"


@dataclass(slots=True)
class Logind:
    """A logind with the sessions that a test gives it."""

    bus: MessageBus
    sessions: dict[str, FakeSession] = field(default_factory=dict)
    listed: int = 0
    reads: int = 0
    silent: bool = False
    answer: Callable[[Message], Message | None] | None = None
    """What to say instead, for a logind that is broken."""

    async def own(self) -> None:
        """Take the name, or wait in line for it."""
        self.bus.add_message_handler(self._handle)
        await self.call("RequestName", "su", [LOGIND, 0])

    async def leave(self) -> None:
        """Give the name up, as at a restart."""
        await self.call("ReleaseName", "s", [LOGIND])

    async def call(self, member: str, signature: str, body: list[Any]) -> None:
        """Call the bus itself."""
        name = "org.freedesktop.DBus"
        reply = await self.bus.call(
            Message(name, "/org/freedesktop/DBus", name, member, signature=signature, body=body)
        )
        assert reply.message_type is MessageType.METHOD_RETURN, reply.body

    async def open(self, session_id: str, uid: int, session_class: str = "user") -> None:
        """Open a session, and say so."""
        self.sessions[session_id] = FakeSession(uid, session_class)
        await self.signal("SessionNew", "so", [session_id, path_of(session_id)])

    async def close(self, session_id: str) -> None:
        """Remove a session, and say so."""
        del self.sessions[session_id]
        await self.signal("SessionRemoved", "so", [session_id, path_of(session_id)])

    async def signal(self, member: str, signature: str, body: list[Any], **other: str) -> None:
        """Send a signal."""
        path, interface = other.get("path", PATH), other.get("interface", MANAGER)
        await self.bus.send(
            Message(
                message_type=MessageType.SIGNAL,
                path=path,
                interface=interface,
                member=member,
                signature=signature,
                body=body,
            )
        )

    def _handle(self, message: Message) -> Message | bool | None:
        if message.message_type is not MessageType.METHOD_CALL or self.silent:
            return self.silent or None
        if self.answer and (answer := self.answer(message)):
            return answer
        if message.member == "ListSessions":
            self.listed += 1
            entries = [[i, s.uid, s.user, "", path_of(i)] for i, s in self.sessions.items()]
            return Message.new_method_return(message, "a(susso)", [entries])
        if message.member == "GetAll":
            self.reads += 1
            for session_id, session in self.sessions.items():
                if path_of(session_id) == message.path:
                    return Message.new_method_return(message, "a{sv}", [properties(session_id, session)])
            return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownObject", "Unknown object.")
        return None


def properties(session_id: str, session: FakeSession) -> dict[str, Variant]:
    """The properties that matter, and one of another kind."""
    return {
        "Id": Variant("s", session_id),
        "User": Variant("(uo)", [session.uid, f"{PATH}/user/_{session.uid}"]),
        "Name": Variant("s", session.user),
        "Class": Variant("s", session.session_class),
        "State": Variant("s", session.state),
        "Leader": Variant("u", 1),
    }


@contextlib.asynccontextmanager
async def logind(bus: Bus) -> AsyncIterator[Logind]:
    """A logind on the bus, until the end of the block."""
    connection = await MessageBus(bus.address).connect()
    fake = Logind(connection)
    await fake.own()
    try:
        yield fake
    finally:
        await leave(fake)


async def leave(peer: Logind) -> None:
    """Close a peer's connection."""
    peer.bus.disconnect()
    with contextlib.suppress(Exception):
        await peer.bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # the library's omission


async def until(event: Callable[[], Answer], what: str, deadline: float = 10.0) -> Answer:
    """Look until `event` answers something true, while the loop goes on: `wait_until` in another thread."""
    return await asyncio.to_thread(wait_until, event, what, deadline=deadline)
