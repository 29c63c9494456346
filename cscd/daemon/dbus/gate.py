"""The socket to the bus, which lets in only what its owner expects: no unknown forms, nothing too long.

Anybody on the bus may send us anything of up to 32 MiB (dbus-daemon(1), max_message_size), and the library
reads all of a message into objects before anybody can look at it: 32 MiB of variants took it nine seconds, in
which nobody else was served, and 700 MB. What it cannot read costs the connection. So the bytes are looked at
first. A message with a body that is not expected comes in without it, marked as cut; one with an endless
header, or of a sender who is turned away, not at all.
"""

import errno
import io
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from dbus_fast import BusType
from dbus_fast.aio import MessageBus

from cscd.daemon.dbus import frame
from cscd.daemon.dbus.interface import BUS
from cscd.errors import MessageError

LONGEST_HEADER: Final = 8 << 10
"""Bytes. Names on the bus have at most 255 characters; only an object path may be longer."""
LONGEST_BODY: Final = 16 << 10
"""Bytes; what we expect from others has some hundred."""
LONGEST_OF_BUS: Final = 512 << 10
"""Bytes of a body that the bus itself sends: credentials list the groups of a user, up to 65,536 of them."""

_PIECE: Final = 256 << 10
"""Bytes that are thrown away at once; a unix socket holds about as many."""
_AT_ONCE: Final = 16
"""Pieces of nothing of interest, before everything else has its turn again."""

_AFTER_SERIAL: Final = 12
_MOST_HEADERS: Final = 256
"""Headers that are remembered."""


_BEGIN: Final = b"BEGIN"
"""The last line that a client says before messages go (D-Bus specification, "Authentication Protocol")."""


def _nobody(_sender: str) -> bool:
    return False


@dataclass(slots=True)
class Expectations:
    """What may come in."""

    signatures: frozenset[str]
    """Of the bodies that others than the bus may send."""
    refuses: Callable[[str], bool] = _nobody
    """Whether nothing of this sender is wanted now; asked for every message, so it has to be fast."""
    hears: Callable[[str], bool] = _nobody
    """Whether signals of this sender, which is not the bus, are of any interest."""
    longest: int = LONGEST_BODY
    """Bytes of a body that others than the bus may send."""
    cut: set[tuple[str, int]] = field(default_factory=set)
    """Calls that came in without their body: sender and serial. Whoever handles one takes it out."""


class Gate:
    """The bytes that came, message by message."""

    def __init__(self, expectations: Expectations) -> None:
        """Take what may come in."""
        self._expected = expectations
        self._data = bytearray()
        self._headers: dict[tuple[int, bytes], frame.Header] = {}
        self._discard = 0
        """Bytes that are still to come of what is not wanted."""

    @property
    def discards(self) -> bool:
        """Whether what comes next is of no interest."""
        return self._discard > 0

    def feed(self, data: bytes) -> bytes:
        """Return what may come in of all that was fed. Raises `MessageError` if it is no message."""
        self._data += data
        wanted = bytearray()
        while self._data:
            if self._discard:
                self._drop()
            elif (message := self._next()) is None:
                break
            else:
                wanted += message
        return bytes(wanted)

    def _drop(self) -> None:
        gone = min(self._discard, len(self._data))
        del self._data[:gone]
        self._discard -= gone

    def _next(self) -> bytes | bytearray | None:
        """Return the next message, or nothing of it; None if more of it has to come first."""
        if len(self._data) < frame.PREFIX:
            return None
        size = frame.lengths(self._data)
        if size.header > LONGEST_HEADER:
            return self._refused(size)
        if len(self._data) < size.header:
            return None
        try:
            header = self._header(size)
        except MessageError:  # its sender's fault alone, for the bus knew how long it is
            return self._refused(size)
        if self._unwanted(header, size.kind):
            return self._refused(size)
        return self._whole(size) if self._readable(header, size.body) else self._cut(header, size)

    def _header(self, size: frame.Lengths) -> frame.Header:
        """Return what a header says; a flood has the same one again and again, but for the serial."""
        key = (self._data[0], bytes(self._data[_AFTER_SERIAL : size.header]))
        found = self._headers.get(key)
        if found is None:
            found = frame.header(self._data[: size.header])
            if len(self._headers) >= _MOST_HEADERS:
                self._headers.clear()
            self._headers[key] = found
        return found

    def _refused(self, size: frame.Lengths) -> bytes:
        self._discard = size.header + size.body
        return b""

    def _whole(self, size: frame.Lengths) -> bytearray | None:
        length = size.header + size.body
        if len(self._data) < length:
            return None
        message = self._data[:length]
        del self._data[:length]
        return message

    def _unwanted(self, header: frame.Header, kind: int) -> bool:
        if header.sender == BUS:
            return False
        if kind not in (frame.CALL, frame.RETURN, frame.ERROR, frame.SIGNAL):
            return True  # "unknown types must be ignored"; the library ends the connection instead
        if kind == frame.SIGNAL and not self._expected.hears(header.sender):
            return True
        return kind == frame.CALL and self._expected.refuses(header.sender)

    def _readable(self, header: frame.Header, body: int) -> bool:
        if not body and not header.signature:
            return True
        if header.sender == BUS:
            return body <= LONGEST_OF_BUS
        return body <= self._expected.longest and header.signature in self._expected.signatures

    def _cut(self, header: frame.Header, size: frame.Lengths) -> bytearray:
        if size.kind == frame.CALL:
            self._expected.cut.add((header.sender, size.serial))
        message = frame.without_body(self._data[: size.header])
        del self._data[: size.header]
        self._discard = size.body
        return message


class GatedSocket(socket.socket):
    """A stream socket to a bus behind such a gate."""

    gate: Gate | None = None
    """None while the two sides still find out about each other, in lines of text."""
    waiting: Gate | None = None
    """The gate that stands as soon as messages go."""

    def send(self, data: bytes, flags: int = 0, /) -> int:  # type: ignore[override]
        """Send, and notice when messages begin; 0 if there is no room now.

        Where a socket says so by an error, the library takes that for the end of the connection: many
        signals at once would do.
        """
        try:
            sent = super().send(data, flags)
        except BlockingIOError:
            return 0
        if self.gate is None and bytes(data[: len(_BEGIN)]) == _BEGIN:
            self.gate = self.waiting
        return sent

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Receive what may come in; BlockingIOError if there is nothing of that, as if nothing had come."""
        if self.gate is None:
            return super().recv(size, flags)
        for _ in range(_AT_ONCE):
            # What is thrown away goes in large pieces: others wait behind it.
            data = super().recv(_PIECE if self.gate.discards else size, flags)
            if not data or (wanted := self.gate.feed(data)):
                return data and wanted
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


class GatedBus(MessageBus):
    """A connection of the library that receives through a gate."""

    def __init__(self, address: str | None, expectations: Expectations) -> None:
        """Take the address, None for the system bus, and what may come in."""
        super().__init__(address, BusType.SYSTEM)
        self._gate = Gate(expectations)

    def _create_socket_for_transport(  # type: ignore[override] # a function there; it is called on an instance
        self, transport: str, options: dict[str, str]
    ) -> tuple[socket.socket, io.BufferedRWPair, bytes | str | tuple[str, int]]:
        """Make our socket where the library makes its own; `connect` sees to it that this was called."""
        plain, stream, address = super()._create_socket_for_transport(transport, options)
        stream.close()
        gated = GatedSocket(plain.family, plain.type, fileno=plain.detach())
        gated.waiting = self._gate
        self._gated = gated
        return gated, gated.makefile("rwb"), address

    _gated: GatedSocket | None = None

    async def connect(self) -> "GatedBus":
        """Connect. Raises what the library raises, and `MessageError` if it would read past the gate."""
        await super().connect()
        if self._gated is None or self._gated.gate is None:
            self.disconnect()
            raise MessageError("the D-Bus library receives in a way that this version of cscd does not know")
        return self
