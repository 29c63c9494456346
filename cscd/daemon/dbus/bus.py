"""The service on the message bus: it owns a name there, takes calls, and signals what has changed.

Without a bus the service goes on, and this part of it tries again. When the bus goes, everybody who waits for
an answer has gone with it: their calls are cancelled like those of a caller who leaves.
"""

import asyncio
import traceback
from typing import Final

from dbus_fast import Message, MessageType, NameFlag, RequestNameReply

from cscd.config.settings import EncryptionSettings
from cscd.daemon.dbus.agents import LONGEST_DIALOG, Agents
from cscd.daemon.dbus.authority import Polkit
from cscd.daemon.dbus.connection import Connection
from cscd.daemon.dbus.gate import Expectations
from cscd.daemon.dbus.interface import BUS, BUS_PATH, CACHE, NAME, PATH
from cscd.daemon.dbus.methods import Methods
from cscd.daemon.dbus.peer import Peers
from cscd.daemon.dbus.progress import Patience
from cscd.daemon.dbus.properties import changed
from cscd.daemon.dbus.reception import SIGNATURES, Reception
from cscd.daemon.encrypt.calls import Asked, Caller, Encryption, Facts
from cscd.daemon.logon.account import Accounts
from cscd.errors import BusError
from cscd.events.log import Log
from cscd.events.service import BusConnected, BusLost, InternalError
from cscd.events.state import CallerLimited

FIRST_WAIT: Final = 1.0
"""Seconds until the first attempt to connect again; each further one takes twice as long."""
LONGEST_WAIT: Final = 60.0
"""Seconds between two attempts at most."""

_LEFT: Final = (
    f"type='signal',sender='{BUS}',path='{BUS_PATH}',interface='{BUS}',member='NameOwnerChanged',arg2=''"
)
"""What we ask the bus for: names that have no owner any more, among them unique ones."""


class Bus:
    """The service's place on the bus."""

    def __init__(
        self,
        settings: EncryptionSettings,
        log: Log,
        accounts: Accounts,
        encryption: Encryption,
        address: str | None = None,
        *,
        first_wait: float = FIRST_WAIT,
        longest_dialog: float = LONGEST_DIALOG,
    ) -> None:
        """Take who does what is asked for, and the address of the bus, None for the system bus."""
        self._patience = Patience.of(settings)
        self._log = log
        self._accounts = accounts
        self._encryption = encryption
        self._address = address
        self._first_wait = first_wait
        self._longest_dialog = longest_dialog
        self._line: _Line | None = None
        self._facts: Facts | None = None
        self.authority = Polkit(self._connection, log)
        self.connected = asyncio.Event()
        """Set while the service can be called."""

    async def run(self) -> None:
        """Be on the bus, and come back to it, until cancelled; what waits for an answer is cancelled then."""
        wait, said = self._first_wait, ""
        while True:
            try:
                await self._serve()
            except BusError as error:
                if self.connected.is_set():
                    wait, said = self._first_wait, ""
                self.connected.clear()
                # A machine without a bus is not told so every minute.
                if str(error) != said:
                    said = str(error)
                    self._log.emit(BusLost(error=said, retry_seconds=wait))
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def reconfigure(self, settings: EncryptionSettings) -> None:
        """Go by other settings; calls under way keep theirs."""
        self._patience = Patience.of(settings)
        if self._line:
            self._line.methods.patience = self._patience

    def encryption_changed(
        self,
        was_encrypted: bool,  # noqa: FBT001 - the four values of the signal, in its order
        was_partial: bool,  # noqa: FBT001
        is_encrypted: bool,  # noqa: FBT001
        is_partial: bool,  # noqa: FBT001
    ) -> None:
        """Send the signal to everybody; nobody hears it where there is no bus."""
        body = [was_encrypted, was_partial, is_encrypted, is_partial]
        self._signal(Message.new_signal(PATH, CACHE, "EncryptionChanged", "bbbb", body))

    def facts_changed(self) -> None:
        """Look at the properties anew, and tell everybody which of them have changed."""
        before, self._facts = self._facts, self._encryption.facts()
        if before and (signal := changed(before, self._facts)):
            self._signal(signal)

    async def unlock(self, caller: Caller, *, console: bool) -> Asked:
        """Have an agent ask for a passphrase; see `cscd.daemon.encrypt.calls.Prompter`."""
        return await self._line.agents.unlock(caller, console=console) if self._line else Asked.NOBODY

    def _signal(self, signal: Message) -> None:
        if connection := self._connection():
            connection.send(signal)

    def _connection(self) -> Connection | None:
        return self._line.connection if self._line else None

    async def _serve(self) -> None:
        """Serve until the connection ends. Raises `BusError`."""
        expectations = Expectations(SIGNATURES)
        connection = await Connection.opened(self._address, expectations)
        agents = Agents(connection, longest=self._longest_dialog)
        methods = Methods(connection, self._encryption, agents, self._patience, self._log)
        line = _Line(connection, methods, agents, self)
        try:
            expectations.refuses = line.reception.refuses
            connection.listen(line.heard)
            await connection.ask_bus("AddMatch", "s", [_LEFT])
            self._line, self._facts = line, self._encryption.facts()
            await _own(connection)
            self.connected.set()
            self._log.emit(BusConnected(name=NAME))
            raise BusError(await line.ended())
        finally:
            self._line = None
            await line.reception.close()
            await connection.close()

    async def name_of(self, uid: int) -> str | None:
        """Return the name of an account."""
        account = await self._accounts.find(uid)
        return account.name if account else None

    def limited(self, caller: Caller, limit: str, detail: str) -> None:
        """Take note of a caller who was turned away."""
        self._log.for_user(caller.name, caller.uid).emit(CallerLimited(reason=limit, detail=detail))

    def failed(self, error: Exception) -> None:
        """Take note of a bug."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"a call on the bus ({place.name}, line {place.lineno})"
        self._log.emit(InternalError(where=where, error=f"{type(error).__name__}: {error}"))


class _Line:
    """One connection with what belongs to it."""

    def __init__(self, connection: Connection, methods: Methods, agents: Agents, bus: Bus) -> None:
        self.connection = connection
        self.methods = methods
        self.agents = agents
        self._peers = Peers(connection, bus.name_of)
        self.reception = Reception(
            connection, self._peers, self.methods, limited=bus.limited, failed=bus.failed
        )
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def heard(self, message: Message) -> bool:
        """Take what came in; only the bus itself sends as `BUS`."""
        if message.message_type is MessageType.METHOD_CALL:
            if message.sender:
                self.reception.take(message)
            return True
        if message.message_type is MessageType.SIGNAL and message.sender == BUS:
            self._told(message)
        return False

    async def ended(self) -> str:
        """Wait until the connection, or the name, is lost; say why."""
        end = asyncio.create_task(self.connection.ended())
        try:
            await asyncio.wait((end, self._lost), return_when=asyncio.FIRST_COMPLETED)
            return self._lost.result() if self._lost.done() else end.result()
        finally:
            end.cancel()

    def _told(self, signal: Message) -> None:
        if signal.member == "NameOwnerChanged" and signal.signature == "sss":
            name, _old, new = signal.body
            if name.startswith(":") and not new:
                self._peers.forget(name)
                self.agents.forget(name)
                self.reception.left(name)
        elif signal.member == "NameLost" and signal.body == [NAME] and not self._lost.done():
            self._lost.set_result(f"another program took the name {NAME}")


async def _own(connection: Connection) -> None:
    """Take our name. Raises `BusError`."""
    reply = await connection.ask_bus("RequestName", "su", [NAME, NameFlag.DO_NOT_QUEUE.value])
    if reply.body[0] not in (RequestNameReply.PRIMARY_OWNER.value, RequestNameReply.ALREADY_OWNER.value):
        raise BusError(f"another program has the name {NAME}")
