"""Who may do what needs an administrator: polkit is asked, about the connection that calls.

CheckAuthorization in the reference manual of polkit. The subject is the
caller's unique name on the bus: polkit finds uid and session by it as we did, and a process that ends and
leaves its number to another one deceives neither. root may do everything, as it may by polkit. Where there
is no polkit, nobody else may.
"""

import asyncio
import itertools
from collections.abc import Callable
from typing import Final

from dbus_fast import Message, MessageFlag, MessageType, Variant

from cscd.daemon.dbus.connection import Connection
from cscd.daemon.encrypt.calls import Caller, Decision
from cscd.errors import BusError
from cscd.events.log import Log
from cscd.events.state import AuthorityUnavailable, AuthorizationGranted

LONGEST: Final = 25.0
"""Seconds until polkit has to answer where nobody is asked for anything."""
LONGEST_DIALOG: Final = 300.0
"""Seconds until somebody has typed a password."""

_POLKIT: Final = "org.freedesktop.PolicyKit1"
_PATH: Final = "/org/freedesktop/PolicyKit1/Authority"
_INTERFACE: Final = "org.freedesktop.PolicyKit1.Authority"
_ALLOW_USER_INTERACTION: Final = 1
"""The one flag of CheckAuthorization."""
_CANCELLED: Final = "org.freedesktop.PolicyKit1.Error.Cancelled"
_DISMISSED: Final = "polkit.dismissed"
"""The detail of a result that says that the user closed the dialog."""
_RESULT: Final = "(bba{ss})"
"""is_authorized, is_challenge (a password would be needed), details."""
_ROOT: Final = 0


class Polkit:
    """polkit on the system bus."""

    def __init__(
        self,
        connection: Callable[[], Connection | None],
        log: Log,
        *,
        longest: float = LONGEST,
        longest_dialog: float = LONGEST_DIALOG,
    ) -> None:
        """Take who gives the connection of this moment, and how long to wait, in seconds."""
        self._connection = connection
        self._log = log
        self._longest = longest
        self._longest_dialog = longest_dialog
        self._numbers = itertools.count(1)

    async def allows(self, caller: Caller, action: str, *, interactive: bool) -> Decision:
        """Ask; see `cscd.daemon.encrypt.calls.Authority`."""
        decision = Decision.ALLOWED if caller.uid == _ROOT else await self._ask(caller, action, interactive)
        if decision is Decision.ALLOWED:
            granted = AuthorizationGranted(action=action, interactive=interactive)
            self._log.for_user(caller.name, caller.uid).emit(granted)
        return decision

    async def _ask(self, caller: Caller, action: str, interactive: bool) -> Decision:  # noqa: FBT001
        connection = self._connection()
        if connection is None or not caller.bus_name:
            return Decision.DENIED
        cancellation = f"cscd-{next(self._numbers)}"
        subject = ["system-bus-name", {"name": Variant("s", caller.bus_name)}]
        flags = _ALLOW_USER_INTERACTION if interactive else 0
        body = [subject, action, {}, flags, cancellation]
        longest = self._longest_dialog if interactive else self._longest
        where = (_POLKIT, _PATH, _INTERFACE, "CheckAuthorization", "(sa{sv})sa{ss}us")
        try:
            reply = await connection.call(*where, body, timeout=longest)
        except asyncio.CancelledError:
            _close_dialog(connection, cancellation)
            raise
        except TimeoutError:
            _close_dialog(connection, cancellation)
            return Decision.DISMISSED if interactive else self._unavailable(f"no answer in {longest:g} s")
        except BusError as error:
            return self._unavailable(str(error))
        return self._decided(reply)

    def _decided(self, reply: Message) -> Decision:
        if reply.message_type is MessageType.ERROR:
            if reply.error_name == _CANCELLED:
                return Decision.DISMISSED
            text = reply.body[0] if reply.signature.startswith("s") else ""
            return self._unavailable(f"{reply.error_name}: {text}")
        if reply.signature != _RESULT:
            return self._unavailable("an answer of an unknown form")
        authorized, challenge, details = reply.body[0]
        if authorized:
            return Decision.ALLOWED
        if _DISMISSED in details:
            return Decision.DISMISSED
        # A challenge that is still one could not be asked: it was not allowed to, or no agent is registered.
        return Decision.NO_AGENT if challenge else Decision.DENIED

    def _unavailable(self, error: str) -> Decision:
        self._log.emit(AuthorityUnavailable(error=error))
        return Decision.DENIED


def _close_dialog(connection: Connection, cancellation: str) -> None:
    connection.send(
        Message(
            _POLKIT,
            _PATH,
            _INTERFACE,
            "CancelCheckAuthorization",
            flags=MessageFlag.NO_REPLY_EXPECTED,
            signature="s",
            body=[cancellation],
        )
    )
