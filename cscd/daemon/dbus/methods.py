"""What the methods do: each takes the caller and the arguments, and returns what it gives."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from dbus_fast import ErrorType

from cscd.daemon.dbus import properties
from cscd.daemon.dbus.agents import Agents
from cscd.daemon.dbus.connection import Body, Connection
from cscd.daemon.dbus.interface import CACHE, INTROSPECTABLE, PEER, PROPERTIES
from cscd.daemon.dbus.introspection import introspection
from cscd.daemon.dbus.progress import BusSink, Patience
from cscd.daemon.dbus.refusal import Refusal
from cscd.daemon.encrypt.calls import Caller, Encryption
from cscd.events.log import Log
from cscd.files.goal import State

MACHINE_ID: Final = "/etc/machine-id"
"""machine-id(5)."""

_Answer = Callable[[Caller, str, Body], Awaitable[Body]]
"""Takes the caller, the path of the object and the arguments."""


class Methods:
    """All methods, by interface and name."""

    def __init__(
        self,
        connection: Connection,
        encryption: Encryption,
        agents: Agents,
        patience: Patience,
        log: Log,
    ) -> None:
        """Take the connection on which callers are, who does what they ask for, and who knows agents."""
        self._connection = connection
        self._encryption = encryption
        self._agents = agents
        self.patience = patience
        self._log = log
        self._answers: Mapping[tuple[str, str], _Answer] = {
            (CACHE, "Encrypt"): self._encrypt,
            (CACHE, "EncryptWithProgress"): self._encrypt_with_progress,
            (CACHE, "EncryptUser"): self._encrypt_user,
            (CACHE, "Cancel"): self._cancel,
            (CACHE, "RegisterPassphraseAgent"): self._register_agent,
            (CACHE, "GetEncryptionStatus"): self._status,
            (CACHE, "GetStatus"): self._report,
            (PROPERTIES, "Get"): self._get,
            (PROPERTIES, "GetAll"): self._get_all,
            (PROPERTIES, "Set"): self._set,
            (INTROSPECTABLE, "Introspect"): self._introspect,
            (PEER, "Ping"): self._ping,
            (PEER, "GetMachineId"): self._machine_id,
        }

    async def carry_out(self, caller: Caller, path: str, method: tuple[str, str], body: Body) -> Body:
        """Carry out a call, of which the signature is right. Raises `Refusal`."""
        return await self._answers[method](caller, path, body)

    async def _encrypt(self, caller: Caller, _path: str, body: Body) -> Body:
        encrypt, bits = body
        return [int(await self._encryption.encrypt(caller, _state(encrypt), bits))]

    async def _encrypt_user(self, caller: Caller, _path: str, body: Body) -> Body:
        uid, encrypt, bits = body
        return [int(await self._encryption.encrypt(caller, _state(encrypt), bits, for_uid=uid))]

    async def _encrypt_with_progress(self, caller: Caller, _path: str, body: Body) -> Body:
        encrypt, bits, sink_path = body
        sink = BusSink(self._connection, caller, sink_path, self.patience, self._log)
        try:
            return [int(await self._encryption.encrypt(caller, _state(encrypt), bits, sink))]
        finally:
            sink.close()

    async def _cancel(self, caller: Caller, _path: str, _body: Body) -> Body:
        return [int(self._encryption.cancel(caller))]

    async def _register_agent(self, caller: Caller, _path: str, body: Body) -> Body:
        self._agents.register(caller, body[0])
        return []

    async def _status(self, _caller: Caller, _path: str, _body: Body) -> Body:
        return self._encryption.status()

    async def _report(self, caller: Caller, _path: str, _body: Body) -> Body:
        return [await self._encryption.report(caller)]

    async def _get(self, _caller: Caller, _path: str, body: Body) -> Body:
        interface, name = body
        return [properties.get(self._encryption.facts(), interface, name)]

    async def _get_all(self, _caller: Caller, _path: str, body: Body) -> Body:
        return [properties.get_all(self._encryption.facts(), body[0])]

    async def _set(self, _caller: Caller, _path: str, _body: Body) -> Body:
        raise properties.read_only()

    async def _introspect(self, _caller: Caller, path: str, _body: Body) -> Body:
        return [introspection(path)]

    async def _ping(self, _caller: Caller, _path: str, _body: Body) -> Body:
        return []

    async def _machine_id(self, _caller: Caller, _path: str, _body: Body) -> Body:
        return [_machine_id()]


def _machine_id() -> str:
    try:
        with open(MACHINE_ID, encoding="ascii") as file:
            return file.read(64).strip()
    except (OSError, ValueError):
        raise Refusal(ErrorType.FAILED, f"{MACHINE_ID} cannot be read") from None


def _state(encrypt: Any) -> State:  # noqa: ANN401 - a boolean, by the signature
    return State.ENCRYPTED if encrypt else State.UNENCRYPTED
