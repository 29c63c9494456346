"""The journal, in its own protocol: one datagram for each event, with all fields.

https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ has the format: lines ``NAME=value``, or, where a value holds a
newline, the name, the length in 64 bits, little-endian, and the value. What is too large for a datagram
goes into a sealed memfd whose descriptor is sent instead.

The socket never waits, and it is not connected: each datagram finds whoever is journald now, so that a
restart of journald costs the events of that moment only.
"""

import array
import errno
import fcntl
import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from cscd.events.record import Record

SOCKET: Final = "/run/systemd/journal/socket"

_BUFFER: Final = 8 * 2**20
"""Bytes to ask for: what sd-journal asks for; the kernel grants net.core.wmem_max."""

_LENGTH: Final = 8
"""Bytes of a value's length."""

_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
"""All of them: journald maps what it is sent, and refuses what could change meanwhile."""


class Journal:
    """The journal as a sink."""

    name = "journal"

    def __init__(self, path: str = SOCKET) -> None:
        """Prepare to send to the socket at `path`, whether or not somebody listens there."""
        self._path = path
        self._socket = socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )
        with suppress(OSError):  # a smaller buffer only means that more may be lost at once
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)

    def write(self, record: Record) -> None:
        """Send a record. Raises OSError: ENOENT or ECONNREFUSED without journald, EAGAIN while it is busy."""
        data = encoded(record.journal())
        try:
            self._socket.sendto(data, self._path)
        except OSError as error:
            if error.errno not in (errno.EMSGSIZE, errno.ENOBUFS):
                raise
            self._send_in_file(data)

    def reopen(self) -> None:
        """Nothing is open that could be out of date."""

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _send_in_file(self, data: bytes) -> None:
        fd = os.memfd_create("cscd-event", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        with open(fd, "wb", buffering=0) as file:
            file.write(data)
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
            descriptors = array.array("i", [fd])
            passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
            # Payload and descriptor exclude each other.
            self._socket.sendmsg([b""], passed, 0, self._path)


def encoded(fields: Iterable[tuple[str, str]]) -> bytes:
    """Return fields as one entry of the protocol; the names are ours and well formed."""
    data = bytearray()
    for name, text in fields:
        # Surrogates cannot come this far (cscd.events.escape), and if they did, must not raise.
        value = text.encode("utf-8", "backslashreplace")
        if b"\n" in value:
            data += name.encode("ascii") + b"\n" + len(value).to_bytes(_LENGTH, "little") + value + b"\n"
        else:
            data += name.encode("ascii") + b"=" + value + b"\n"
    return bytes(data)
