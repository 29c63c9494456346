"""One worker process, from its start to its end, as the daemon sees it."""

import asyncio
import os
import signal
import socket
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from cscd.daemon.work.link import Link
from cscd.errors import MessageError
from cscd.events.fields import joined
from cscd.worker.messages import (
    Happened,
    ItemBegins,
    ItemEnds,
    Message,
    PassEnded,
    PassProgress,
    Ping,
    Pong,
    Ready,
    Setup,
    Standing,
    WantPass,
)
from cscd.worker.spawning import Ending

READY_WITHIN: Final = 10.0
"""Seconds from the start of a worker until it has to be ready; it takes some 20 ms."""
QUIET_FOR: Final = 3600.0
"""Seconds after which a worker is asked whether it is alive, if nothing was said by it or to it meanwhile. It
then sleeps in poll(2), and each question costs the machine two wake-ups."""
_ENDS_WITHIN: Final = 5.0
"""Seconds that a worker has to end in, once it was asked to: it stops after the chunk at hand."""


class WorkerProcess(Protocol):
    """A process that `cscd.daemon.work.forkserver` started."""

    pid: int
    connection: socket.socket
    words: str
    """The last that it wrote to standard error, once it has ended."""

    def kill(self) -> None:
        """Send SIGKILL; nothing happens if it has ended."""

    async def ended(self) -> int:
        """Wait for its end and return its wait status (waitpid(2))."""


class WorkerListener(Protocol):
    """Whoever has a worker."""

    def changed(self) -> None:
        """Learn that something of the worker is other than before: ready, over, wants a pass."""

    def stands(self, said: Standing) -> None:
        """Learn what is not right at the moment."""

    def happened(self, said: Happened) -> None:
        """Take an event. Raises `MessageError` for one that is not a worker's to tell."""

    def item(self, said: ItemBegins | ItemEnds) -> None:
        """Learn of an item of the pass. Raises `MessageError` if there is none of that id."""

    def progressed(self, said: PassProgress) -> None:
        """Learn how far the pass has come. Raises `MessageError` if there is none of that id."""

    def pass_ended(self, said: PassEnded) -> None:
        """Learn what came of the pass. Raises `MessageError` if there is none of that id."""


class Worker:
    """One worker process and what it has said."""

    def __init__(self, process: WorkerProcess, listener: WorkerListener, setup: Setup) -> None:
        """Talk to a process that was just started."""
        loop = asyncio.get_running_loop()
        self._process = process
        self._listener = listener
        self.pid = process.pid
        self.began = loop.time()
        """Monotonic time of the start."""
        self.ready = False
        """Whether it has taken its setup."""
        self.wanted: WantPass | None = None
        """The pass that it asks for, until it is started."""
        self.standing: Standing | None = None
        """What it said last of what is not right."""
        self.failure: tuple[str, str] | None = None
        """Why it was given up, as `worker_failed` says it: reason and detail."""
        self.asked_to_end = False
        self._settled = asyncio.Event()
        self._pinged = 0
        self._answered = 0
        self._asked_at = loop.time()
        self._stirred = True
        """Whether anything was said since it was asked last."""
        self._link = Link(process.connection, self)
        self._deadline = loop.call_later(READY_WITHIN, self.given_up, "hung", "not ready in time")
        self._end = loop.create_task(self._reap(), name=f"worker {self.pid}")
        self._link.send(setup)

    @property
    def over(self) -> bool:
        """Whether the process has ended."""
        return self._end.done()

    @property
    def cause(self) -> tuple[str, str]:
        """Why it ended, once it is over and nobody had asked it to: reason and detail of `worker_failed`."""
        return self.failure or cause(self._end.result(), self._process.words)

    @property
    def answered(self) -> bool:
        """Whether it has answered all that it was asked."""
        return self._answered == self._pinged

    def send(self, message: Message, descriptor: int | None = None) -> None:
        """Send a message, and beside it a descriptor, which is closed here."""
        self._stirred = True
        self._link.send(message, descriptor)

    def ping(self) -> None:
        """Ask whether it is alive, unless it is just quiet; one that has not answered before is given up."""
        if not self.answered:
            self.given_up("hung", "does not answer")
            return
        now = asyncio.get_running_loop().time()
        if not self._stirred and now - self._asked_at < QUIET_FOR:
            return
        self._stirred, self._asked_at = False, now
        self._pinged += 1
        self._link.send(Ping(number=self._pinged))

    def end(self) -> None:
        """Have it stop what it does and end; killed if it takes too long. More than once is harmless."""
        if not self.asked_to_end:
            self.asked_to_end = True
            self._link.close()
            self._limit(_ENDS_WITHIN, self._process.kill)

    def kill(self) -> None:
        """End it at once."""
        self._link.close()
        self._process.kill()

    async def settled(self) -> None:
        """Wait until it is ready, or has ended."""
        await self._settled.wait()

    async def wait(self) -> int:
        """Wait for its end and return its wait status."""
        return await asyncio.shield(self._end)

    # -- what the link tells -------------------------------------------------------------------

    def said(self, message: Any) -> None:  # noqa: ANN401 - one of cscd.worker.messages.FromWorker
        """Take a message of the worker's."""
        if isinstance(message, Ready):
            self.ready = True
            self._settled.set()
            self._deadline.cancel()
            self._listener.changed()
        elif not self.ready:
            raise MessageError("speaks before it is ready")
        elif isinstance(message, Pong):
            self._answer(message)
            return
        elif isinstance(message, WantPass):
            self.wanted = message
            self._listener.changed()
        elif isinstance(message, Standing):
            self.standing = message
            self._listener.stands(message)
        elif isinstance(message, Happened):
            self._listener.happened(message)
        elif isinstance(message, ItemBegins | ItemEnds):
            self._listener.item(message)
        elif isinstance(message, PassProgress):
            self._listener.progressed(message)
        else:
            self._listener.pass_ended(message)
        self._stirred = True

    def given_up(self, reason: str, detail: str) -> None:
        """End a worker that misbehaves."""
        if not self.over and self.failure is None:
            self.failure = (reason, detail)
            self.kill()

    def hung_up(self) -> None:
        """Expect the end of a worker that closed its channel; a user may have made it close just that."""
        self._limit(_ENDS_WITHIN, self._process.kill)

    def _answer(self, pong: Pong) -> None:
        if pong.number != self._pinged:
            raise MessageError("answers what it was not asked")
        self._answered = pong.number

    def _limit(self, seconds: float, then: Any) -> None:  # noqa: ANN401 - whatever call_later takes
        self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, then)

    async def _reap(self) -> int:
        try:
            return await self._process.ended()
        finally:
            self._deadline.cancel()
            self._link.close()
            self._settled.set()
            self._listener.changed()


def cause(status: int, words: str = "") -> tuple[str, str]:
    """Return the reason and the detail of `worker_failed` for an end that nobody asked for.

    Args:
        status: the wait status.
        words: the last that the worker wrote to standard error.
    """
    if os.WIFSIGNALED(status):
        return "killed", signal.strsignal(os.WTERMSIG(status)) or f"signal {os.WTERMSIG(status)}"
    code = os.waitstatus_to_exitcode(status)
    reason = _REASONS.get(code, "exited")
    return reason, joined(f"exit code {code}", words, by=": ")


_REASONS: Final[Mapping[int, str]] = MappingProxyType(
    {Ending.NOT_CONFINED: "not_confined", Ending.OUT_OF_MEMORY: "out_of_memory"}
)
