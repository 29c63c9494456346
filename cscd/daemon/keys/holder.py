"""One holder process as the daemon sees it: requests and what comes of them, one at a time.

It is root's own and has read what strangers sent. So what it says is checked, and it has so much time: one
that says what it should not, or takes too long, is killed, which costs its user alone.
"""

import asyncio
import socket
from collections.abc import Callable
from itertools import count
from typing import Any, Final, Protocol

from cscd.daemon.work.process import WorkerProcess
from cscd.errors import CscdError, MessageError
from cscd.worker import channel
from cscd.worker.channel import LONGEST
from cscd.worker.holder.messages import Done, Go, Hold, Lend, Make, Prepare, Ready, Serve, Taken, from_holder
from cscd.worker.messages import Message

MEMORY: Final = 1536 << 20
"""Bytes that a holder may have for itself: 1 GiB for the largest work factor, and what Python takes."""
_READY_WITHIN: Final = 10.0
"""Seconds from the start of a holder; it takes some 10 ms."""
_SECRETS_WITHIN: Final = 15.0
"""Seconds until it has read the secrets that it wants, or has an answer without: the client has five."""
_WORK_WITHIN: Final = 30.0
"""Seconds for what it then does: each passphrase that is tried or written takes about one."""
_ENDS_WITHIN: Final = 2.0
"""Seconds until it has ended, once it was asked to; it has nothing to finish."""


class HolderLostError(CscdError):
    """The holder has ended, or took too long and was killed; what it was asked for may have been done."""


class HolderSpawner(Protocol):
    """Where holders come from: `cscd.daemon.work.forkserver`."""

    async def hold(self, memory: int) -> WorkerProcess:
        """Start a holder with at most `memory` bytes. Raises OSError."""


def _nothing() -> None:
    """Tell nobody."""


class Holder:
    """One holder process."""

    def __init__(self, process: WorkerProcess, turns: asyncio.Semaphore, lost: Callable[[], None]) -> None:
        """Talk to a process that was just started; `lost` is called at an end that nobody asked for."""
        loop = asyncio.get_running_loop()
        self._process = process
        self._socket: socket.socket | None = process.connection
        self._turns = turns
        self._lost = lost
        self._numbers = count(1)
        self._one = asyncio.Lock()
        self._ready: asyncio.Future[bool] = loop.create_future()
        self._taken: asyncio.Future[None] = loop.create_future()
        self._done: asyncio.Future[Done] = loop.create_future()
        self._number = 0
        self._asked_to_end = False
        self.pid = process.pid
        loop.add_reader(process.connection, self._read)
        self._end = loop.create_task(self._reap(), name=f"holder {process.pid}")

    @classmethod
    async def start(
        cls,
        spawner: HolderSpawner,
        hold: Hold,
        turns: asyncio.Semaphore,
        lost: Callable[[], None] = _nothing,
    ) -> "Holder":
        """Start one and tell it whose keys these are. Raises HolderLostError."""
        try:
            process = await spawner.hold(MEMORY)
        except OSError as error:
            raise HolderLostError(f"no process for keys could be started: {error}") from error
        holder = cls(process, turns, lost)
        try:
            async with asyncio.timeout(_READY_WITHIN):
                await asyncio.shield(holder._ready)
        except TimeoutError:
            holder.kill()
            raise HolderLostError("the process for keys was not ready in time") from None
        except BaseException:
            holder.kill()
            raise
        holder._send(hold)
        return holder

    @property
    def memory_locked(self) -> bool:
        """Whether its memory stays out of swap."""
        return self._ready.done() and not self._ready.exception() and self._ready.result()

    @property
    def busy(self) -> bool:
        """Whether it is at work."""
        return self._one.locked()

    @property
    def over(self) -> bool:
        """Whether nothing can be asked of it any more."""
        return self._socket is None

    async def do(
        self,
        request: Prepare | Make | Lend | Serve,
        descriptor: int | None = None,
        taken: Callable[[], None] = _nothing,
    ) -> Done:
        """Have something done, and return what came of it.

        Args:
            request: what; its number is set here.
            descriptor: what goes beside it; the caller keeps it.
            taken: called once the client has sent its secrets.

        Raises HolderLostError.
        """
        async with self._one:
            loop = asyncio.get_running_loop()
            self._number = next(self._numbers)
            self._taken, self._done = loop.create_future(), loop.create_future()
            self._send(request.model_copy(update={"number": self._number}), descriptor)
            try:
                return await self._wait(taken)
            except TimeoutError:
                self.kill()
                raise HolderLostError("the process for keys took too long") from None
            except asyncio.CancelledError:
                self.kill()
                raise

    async def _wait(self, taken: Callable[[], None]) -> Done:
        async with asyncio.timeout(_SECRETS_WITHIN):
            await asyncio.wait((self._taken, self._done), return_when=asyncio.FIRST_COMPLETED)
        if not self._done.done():
            taken()
            async with self._turns:
                self._send(Go(number=self._number))
                async with asyncio.timeout(_WORK_WITHIN):
                    await asyncio.wait((self._done,))
        return self._done.result()

    def end(self) -> None:
        """Have it end, and its memory with it. More than once is harmless."""
        if not self._asked_to_end:
            self._asked_to_end = True
            self._close("was ended")
            asyncio.get_running_loop().call_later(_ENDS_WITHIN, self._process.kill)

    def kill(self) -> None:
        """End it at once."""
        self._asked_to_end = True
        self._close("was killed")
        self._process.kill()

    async def ended(self) -> None:
        """Wait for its end."""
        await asyncio.wait((self._end,))

    # -- the channel ---------------------------------------------------------------------------

    def _send(self, message: Message, descriptor: int | None = None) -> None:
        if self._socket is None:
            raise HolderLostError("the process for keys has ended")
        try:
            beside = [] if descriptor is None else [descriptor]
            socket.send_fds(self._socket, [channel.encoded(message)], beside)
        except OSError as error:  # also of one that does not read
            self.kill()
            raise HolderLostError(f"the process for keys has ended: {error}") from error

    def _read(self) -> None:
        try:
            data = self._socket.recv(LONGEST + 1) if self._socket else b""
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close("ended")
            return
        try:
            self._take(from_holder(data))
        except MessageError:
            self._close("said what was no answer")
            self._process.kill()

    def _take(self, said: Any) -> None:  # noqa: ANN401 - one of Ready, Taken, Done
        if isinstance(said, Ready):
            if not self._ready.done():
                self._ready.set_result(said.memory_locked)
        elif said.number != self._number:
            raise MessageError("an answer to what was not asked")
        elif isinstance(said, Taken):
            if not self._taken.done():
                self._taken.set_result(None)
        elif not self._done.done():
            self._done.set_result(said)

    def _close(self, why: str) -> None:
        """Let go of the channel; whoever waits learns that nothing comes any more."""
        if self._socket is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        gone = HolderLostError(f"the process for keys {why}")
        for waiting in (self._ready, self._done):
            if not waiting.done():
                waiting.set_exception(gone)
                waiting.exception()  # it may be nobody's to hear
        if not self._asked_to_end:
            self._lost()

    async def _reap(self) -> None:
        await self._process.ended()
        self._close("ended")
