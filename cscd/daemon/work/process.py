"""One worker, seen from the daemon: a process that is not its child.

It is known by a descriptor (pidfd_open(2)), so that no signal can reach a process that has its number later.
"""

import asyncio
import contextlib
import os
import signal
import socket


def kill(pidfd: int) -> None:
    """Send SIGKILL to the process behind a descriptor; nothing happens if it has ended."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


class WorkerProcess:
    """One worker, from its fork to its end."""

    def __init__(self, pid: int, pidfd: int, connection: socket.socket) -> None:
        self.pid = pid
        self.connection = connection
        """The daemon's end of the worker's channel, non-blocking; its owner closes it."""
        self.words = ""
        """The last that it wrote to standard error, once it has ended; not trusted."""
        self._pidfd = pidfd
        self._status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def kill(self) -> None:
        """Send SIGKILL; nothing happens if it has ended."""
        if not self._status.done():
            kill(self._pidfd)

    async def ended(self) -> int:
        """Wait for its end and return its wait status (waitpid(2))."""
        return await asyncio.shield(self._status)

    def end(self, status: int, words: str = "") -> None:
        """Learn how it ended."""
        if not self._status.done():
            self.words = words
            self._status.set_result(status)
            os.close(self._pidfd)

    def await_death(self) -> None:
        """Wait for its end where nobody is left to tell it: the kernel kills it with the fork server."""
        loop = asyncio.get_running_loop()

        def gone() -> None:
            loop.remove_reader(self._pidfd)
            self.end(int(signal.SIGKILL))

        if not self._status.done():
            loop.add_reader(self._pidfd, gone)
