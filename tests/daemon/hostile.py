"""Programs on the bus that mean harm: they write bytes, as fast as the bus takes them, and read nothing."""

import os
import select
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from dbus_fast import Message

from tests.support import forks
from tests.support.users import User, become

_SERIAL_AT = 8
"""Where the serial is in a message (D-Bus specification, "Message Format")."""
_BLOCK = 64 << 10
"""Bytes that are written at once, or one message if it is longer."""


class Raw:
    """A connection of which every byte is the test's."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(30)
        self.socket.connect(address.removeprefix("unix:path="))
        uid = str(os.getuid()).encode().hex()
        self.socket.sendall(f"\0AUTH EXTERNAL {uid}\r\n".encode())
        assert self.socket.recv(4096).startswith(b"OK ")
        bus = "org.freedesktop.DBus"
        self.socket.sendall(b"BEGIN\r\n" + marshalled(Message(bus, "/", bus, "Hello", serial=1)))
        assert self.socket.recv(4096)
        self._serial = 1

    def send(self, data: bytes) -> None:
        """Write a message, whatever its serial."""
        self._serial += 1
        self.socket.sendall(numbered(data, self._serial))

    def flood(self, data: bytes, seconds: float) -> int:
        """Write a message again and again for so long; return how often."""
        times = max(1, _BLOCK // len(data))
        block = bytearray(data * times)
        end, sent = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            for number in range(times):
                self._serial += 1
                struct.pack_into("<I", block, number * len(data) + _SERIAL_AT, self._serial & 0x7FFF_FFFF)
            self.socket.sendall(block)
            sent += times
            # What comes back is thrown away, so that the bus need not keep it.
            while select.select([self.socket], [], [], 0)[0] and self.socket.recv(1 << 20):
                pass
        return sent


def marshalled(message: Message) -> bytes:
    """Return a message as bytes."""
    message.serial = message.serial or 1
    return bytes(message._marshall(False))  # noqa: FBT003, SLF001 - the library has no other way to give them


def numbered(data: bytes, serial: int) -> bytes:
    """Return a message with another serial."""
    other = bytearray(data)
    struct.pack_into("<I", other, _SERIAL_AT, serial)
    return bytes(other)


@contextmanager
def running(user: User | None, function: Callable[[], object]) -> Iterator[int]:
    """Run something in a process of its own, as a user, until the block ends; gives its process id."""
    ready, begun = os.pipe()
    pid = forks.fork()
    if pid == 0:
        os.close(ready)
        try:
            if user:
                become(user)
            os.write(begun, b"!")
            function()
        finally:
            os._exit(0)
    os.close(begun)
    with open(ready, "rb") as pipe:
        assert pipe.read(1)
    try:
        yield pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
