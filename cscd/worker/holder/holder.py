"""The process that does for one user what takes secrets: one request after the other, until the channel ends.

Whatever goes wrong with a request is its answer, and said without a word of what was secret: an exception's
text may quote what it was about, so only its type and its place are told.
"""

import contextlib
import os
import socket
import traceback
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from cscd.errors import (
    CscdError,
    HeaderError,
    KeyChangeError,
    KeyFileError,
    KeyFormatError,
    MessageError,
    PassphraseError,
)
from cscd.keys import Protector, any_wrapped, machine_key
from cscd.worker import channel
from cscd.worker.holder import duties, lending, logon
from cscd.worker.holder.client import Client
from cscd.worker.holder.duties import Errand
from cscd.worker.holder.keeper import Keeper
from cscd.worker.holder.messages import (
    Done,
    Duty,
    Go,
    Hold,
    Lend,
    Make,
    Prepare,
    Ready,
    Serve,
    Taken,
    from_daemon,
)
from cscd.worker.holder.reply import Refusal, Refused
from cscd.worker.messages import Message

_DUTIES: Final[Mapping[Duty, Callable[[Errand], None]]] = MappingProxyType(
    {
        "unlock": duties.unlock,
        "passphrase": duties.set_passphrase,
        "protect_machine": duties.protect_by_machine,
        "unprotect_machine": duties.unprotect,
        "unprotect_passphrase": duties.unprotect,
        "rotate": duties.rotate,
        "export": duties.export,
        "import": duties.adopt,
        "unwrap": duties.unwrap,
        "logon_auth": logon.auth,
        "logon_password": logon.password,
    }
)

_SENTENCE: Final = 1024
"""Characters of a message."""

_KNOWN: Final[Mapping[type[Exception], Refusal]] = MappingProxyType(
    {KeyFileError: "unusable", KeyFormatError: "malformed", HeaderError: "malformed"}
)
"""Errors whose text is fit to be told."""


def run(connection: socket.socket, *, memory_locked: bool) -> int:
    """Be a holder until the daemon closes the channel; returns the exit code. Raises MessageError."""
    try:
        connection.sendall(channel.encoded(Ready(memory_locked=memory_locked)))
        hold, _ = _received(connection)
        if not isinstance(hold, Hold):
            raise MessageError("whose keys was not said")
        Holder(connection, hold).work()
    except (EOFError, ConnectionError):
        pass
    return 0


class Holder:
    """A holder at work."""

    def __init__(self, connection: socket.socket, hold: Hold) -> None:
        """Take the channel to the daemon, and whose keys these are."""
        self._socket = connection
        self._hold = hold
        self._keeper = Keeper(hold)

    def work(self) -> None:
        """Do what the daemon asks for. Raises EOFError at the end, MessageError for what is out of turn."""
        while True:
            message, descriptor = _received(self._socket)
            try:
                self._send(self._done(message, descriptor))
            finally:
                if descriptor is not None:
                    os.close(descriptor)

    def _send(self, message: Message) -> None:
        self._socket.sendall(channel.encoded(message))

    def _done(self, asked: Hold | Prepare | Make | Lend | Serve | Go, descriptor: int | None) -> Done:
        """Do what is asked for, and return what came of it."""
        if isinstance(asked, Hold | Go):
            raise MessageError("out of turn")
        self._keeper.faults.clear()
        done: dict[str, Any] = {}
        try:
            if isinstance(asked, Prepare):
                self._prepare(done)
            elif isinstance(asked, Make):
                self._make(done)
            elif isinstance(asked, Lend):
                self._lend(descriptor, done)
            elif descriptor is None:
                raise MessageError("nobody to serve")
            else:
                self._serve(asked, descriptor, done)
        except Exception as error:  # noqa: BLE001 - a bug; it costs this answer, and is told without its text
            refused, message = _refusal(error)
            done.update(refused=refused, message=message[:_SENTENCE])
            if isinstance(error, KeyFileError):
                self._keeper.refuse(error)
        return Done(number=asked.number, faults=tuple(self._keeper.faults), **done)

    # -- for the daemon itself -----------------------------------------------------------------

    def _prepare(self, done: dict[str, Any]) -> None:
        hold = self._hold
        found = machine_key(
            hold.credentials,
            hold.credential,
            hold.machine_key_file,
            may_make=not any_wrapped(hold.keys),
        )
        done.update(source=found.source, made=found.made)

    def _make(self, done: dict[str, Any]) -> None:
        key, made = self._keeper.secrets.make(self._keeper.machine())
        done.update(key_id=key.key_id, made=made, protectors=(Protector.MACHINE,))

    def _lend(self, pipe: int | None, done: dict[str, Any]) -> None:
        keeper = self._keeper
        if not keeper.opened:
            keeper.by_machine()
        if pipe is not None:
            done["identities"] = lending.lend(pipe, keeper.identities)
        done["opened"] = keeper.opened

    # -- for clients ---------------------------------------------------------------------------

    def _serve(self, serve: Serve, connection: int, done: dict[str, Any]) -> None:
        errand = Errand(serve, self._keeper, Client(connection), lambda: self._turn(serve.number), done)
        try:
            _DUTIES[serve.duty](errand)
        finally:
            if serve.duty != "unwrap":  # a file is to be opened fast
                with contextlib.suppress(CscdError):
                    duties.describe(errand)

    def _turn(self, number: int) -> None:
        """Say that the secrets are there, and wait for the word to go on."""
        self._send(Taken(number=number))
        message, _ = _received(self._socket)
        if not isinstance(message, Go) or message.number != number:
            raise MessageError("out of turn")


def _received(connection: socket.socket) -> tuple[Any, int | None]:
    """Wait for a message of the daemon's. Raises EOFError and MessageError."""
    data, descriptors = channel.receive(connection)
    if not data:
        raise EOFError
    return from_daemon(data), descriptors[0] if descriptors else None


def _refusal(error: Exception) -> tuple[Refusal, str]:
    """Return why a request was refused. Raises what concerns the channel."""
    if isinstance(error, EOFError | ConnectionError | MessageError):
        raise error
    if isinstance(error, Refused):
        return error.reason, str(error)
    if isinstance(error, PassphraseError):
        return "wrong_passphrase", "this passphrase does not open the key"
    if isinstance(error, KeyChangeError):
        return error.reason if error.reason != "is_current" else "internal", str(error)
    known = next((reason for kind, reason in _KNOWN.items() if isinstance(error, kind)), None)
    return (known, str(error)) if known else ("internal", f"a bug in cscd: {where(error)}")


def where(error: BaseException) -> str:
    """Return the type of an error and where it was raised; its text may quote what is secret."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" in {os.path.basename(each.filename)}:{each.lineno}" for each in last)
    return f"{type(error).__name__}{place}"
