"""Standard output as a sink: a pipe, a terminal or a socket whose other end may be slow, or gone.

It is not ours alone, so it cannot be made non-blocking; instead the kernel is asked before each piece
whether a write would wait. A pipe that is writable takes PIPE_BUF bytes at once (pipe(7)), so no piece is
larger. A line that got stuck in the middle is finished before the next one begins.
"""

import os
import select
from collections.abc import Callable
from errno import EAGAIN
from typing import Final

from cscd.events.record import Record

_PIECE: Final = select.PIPE_BUF


class Stream:
    """A descriptor as a sink; it stays open when the sink is closed."""

    def __init__(self, fd: int, name: str, line: Callable[[Record], str]) -> None:
        """Write to `fd` what `line` makes of a record, with its newline."""
        self._fd = fd
        self.name = name
        self._line = line
        self._rest = b""
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    def write(self, record: Record) -> None:
        """Write a record as a line. Raises OSError: EAGAIN while nobody reads, EPIPE when nobody will."""
        self._finish()
        data = self._line(record).encode("utf-8", "backslashreplace")
        sent = self._send(data)
        if sent == 0:
            raise BlockingIOError(EAGAIN, os.strerror(EAGAIN))
        self._rest = data[sent:]

    def reopen(self) -> None:
        """A descriptor that was given cannot be opened anew."""

    def close(self) -> None:
        """Let go of it."""

    def _finish(self) -> None:
        self._rest = self._rest[self._send(self._rest) :]
        if self._rest:
            raise BlockingIOError(EAGAIN, os.strerror(EAGAIN))

    def _send(self, data: bytes) -> int:
        """Write as much as is taken without waiting, and return how much that was."""
        sent = 0
        while sent < len(data) and self._ready():
            sent += os.write(self._fd, data[sent : sent + _PIECE])
        return sent

    def _ready(self) -> bool:
        # An error (POLLERR, as of a pipe without a reader) counts as ready: the write tells which it is.
        return bool(self._poll.poll(0))
