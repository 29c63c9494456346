"""The daemon's end of one worker's channel: what comes is checked and bounded, what goes never waits.

A worker is whatever its user makes of it. One that sends what is no message, sends more than it has any
reason to, or does not read what it is sent is given up, which costs that user only. Reading is fair: each
worker gets a little of the loop's time, and what it sends beyond that waits in its own socket.
"""

import asyncio
import os
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from cscd.errors import MessageError
from cscd.worker.channel import LONGEST, encoded, from_worker
from cscd.worker.messages import Message

_AT_ONCE: Final = 16
"""Messages taken before the others get their turn: a millisecond or two,"""
_SLICE: Final = 0.005
"""... and not for longer than so many seconds."""
_BURST: Final = 20_000.0
_RATE: Final = 2_000.0
"""What a worker may send: so much at once, so much a second. A message counts 1 and 1 for each KiB; a worker
that behaves tells its user's items within the limits of the log, and a few lines a second besides."""
_UNSENT: Final = 64
"""Messages that wait for a worker to read: it is sent a handful in a minute."""


@dataclass(frozen=True, slots=True)
class _Unsent:
    """A message on its way, and what goes beside it."""

    data: bytes
    descriptor: int | None

    def send(self, connection: socket.socket) -> None:
        """Send both. Raises OSError."""
        socket.send_fds(connection, [self.data], [] if self.descriptor is None else [self.descriptor])

    def close(self) -> None:
        """Let go of the descriptor."""
        if self.descriptor is not None:
            os.close(self.descriptor)


class LinkListener(Protocol):
    """Whoever owns a link."""

    def said(self, message: Any) -> None:  # noqa: ANN401 - one of cscd.worker.messages.FromWorker
        """Take a message. Raises `MessageError` where it makes no sense now; then the link is given up."""

    def given_up(self, reason: str, detail: str) -> None:
        """Learn that the worker misbehaved: malformed, flooded or hung. Nothing is read from it any more."""

    def hung_up(self) -> None:
        """Learn that the worker closed its end: it has ended, or is about to."""


class Link:
    """One worker's channel, at work until it is closed."""

    def __init__(
        self,
        connection: socket.socket,
        listener: LinkListener,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take over a connected non-blocking socket, and read from it in the running loop."""
        self._socket = connection
        self._listener = listener
        self._ticks = ticks
        self._loop = asyncio.get_running_loop()
        self._credit = _BURST
        self._counted = ticks()
        self._unsent: deque[_Unsent] = deque()
        self._open = True
        self._loop.add_reader(connection, self._read)

    @property
    def open(self) -> bool:
        """Whether anything can still come or go."""
        return self._open

    def send(self, message: Message, descriptor: int | None = None) -> None:
        """Send a message, now or as soon as the worker reads; nothing if the link is closed.

        A descriptor goes beside it, and is closed here in any case.
        """
        unsent = _Unsent(encoded(message), descriptor)
        if not self._open or len(self._unsent) >= _UNSENT:
            unsent.close()
            if self._open:
                self._give_up("hung", f"{_UNSENT} messages unread")
            return
        self._unsent.append(unsent)
        self._write()

    def close(self) -> None:
        """Let go of the socket: for the worker that is the end of the stream."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()
            self._forget()

    def _read(self) -> None:
        end = self._ticks() + _SLICE
        for _ in range(_AT_ONCE):
            try:
                data = self._socket.recv(LONGEST + 1)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.close()
                self._listener.hung_up()
                return
            if not self._take(data) or not self._open or self._ticks() > end:
                return

    def _take(self, data: bytes) -> bool:
        """Hand on one message; False if that ended the link."""
        if not self._affords(1 + len(data) / 1024):
            self._give_up("flooded", f"more than {_RATE:.0f} messages a second")
            return False
        try:
            self._listener.said(from_worker(data))
        except MessageError as error:
            self._give_up("malformed", str(error))
            return False
        except Exception as error:  # noqa: BLE001 - whatever a message does to us ends its sender and no more
            self._give_up("malformed", f"{type(error).__name__} in handling it")
            return False
        return True

    def _affords(self, cost: float) -> bool:
        now = self._ticks()
        self._credit = min(_BURST, self._credit + (now - self._counted) * _RATE)
        self._counted = now
        self._credit -= cost
        return self._credit >= 0

    def _write(self) -> None:
        while self._unsent:
            try:
                self._unsent[0].send(self._socket)
            except BlockingIOError:
                self._loop.add_writer(self._socket, self._write)
                return
            except OSError:
                self._forget()  # the worker has gone; reading tells
                break
            self._unsent.popleft().close()
        self._loop.remove_writer(self._socket)

    def _forget(self) -> None:
        for unsent in self._unsent:
            unsent.close()
        self._unsent.clear()

    def _give_up(self, reason: str, detail: str) -> None:
        self.close()
        self._listener.given_up(reason, detail)
