"""Where worker processes come from: the fork server, seen from the daemon, which itself never forks.

The fork server is executed, with nothing of the caller's environment, directory or modules. Should it end,
its workers end with it, and it is started again: at once the first time, then with a pause that doubles as
long as it does not last.
"""

import asyncio
import contextlib
import errno
import itertools
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Final

from cscd.daemon.logon.account import Account
from cscd.daemon.work.process import WorkerProcess, kill
from cscd.errors import MessageError
from cscd.events.log import Log
from cscd.events.workers import ForkServerRestarted
from cscd.worker import channel
from cscd.worker.confinement import Credentials
from cscd.worker.spawning import Exited, Refused, Spawn, Spawned, SpawnHolder, Warm, reply

SPAWNED_WITHIN: Final = 10.0
"""Seconds until a worker is forked, those included in which the fork server is started again."""
_WARM_WITHIN: Final = 60.0
"""Seconds until the fork server is ready; it takes less than one, but a machine that boots has much to do."""
_ENDS_WITHIN: Final = 1.0
"""Seconds that the fork server has to end in."""
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 30.0
_LASTED: Final = 60.0
"""Seconds after which a fork server has proven itself."""

_PROGRAM: Final = ("-m", "cscd.worker.forkserver")
_ISOLATED: Final = ("-I", "-X", "utf8")
"""Python takes nothing from environment, directory or home; file names are UTF-8 whatever the locale."""
_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
"""All there is."""


class _Life:
    """One fork server, from its start to its end."""

    def __init__(self, process: asyncio.subprocess.Process, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._process = process
        self._connection = connection
        self._tokens = itertools.count(1)
        self._asked: dict[int, tuple[asyncio.Future[WorkerProcess], socket.socket]] = {}
        self._workers: dict[int, WorkerProcess] = {}
        self._sending = asyncio.Lock()
        self._warm: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()
        """Done as soon as there is nobody to talk to any more."""
        loop.add_reader(connection, self._read)

    @classmethod
    async def begin(cls, program: Sequence[str]) -> "_Life":
        """Execute one and wait until it is ready. Raises OSError."""
        ours, theirs = channel.pair()
        ours.setblocking(False)  # noqa: FBT003 - the standard library's
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *_ISOLATED,
                    *program,
                    str(theirs.fileno()),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env=_ENVIRONMENT,
                    cwd="/",
                    start_new_session=True,  # a terminal's signals are the daemon's
                )
            except BaseException:
                ours.close()
                raise
        life = cls(process, ours)
        try:
            async with asyncio.timeout(_WARM_WITHIN):
                await life._warm
        except BaseException:
            await life.end()
            raise
        return life

    async def spawn(self, asked: Spawn | SpawnHolder) -> WorkerProcess:
        """Have a worker or a holder forked; the message's token is set here. Raises OSError."""
        ours, theirs = channel.pair()
        ours.setblocking(False)  # noqa: FBT003 - the standard library's
        token = next(self._tokens)
        answer: asyncio.Future[WorkerProcess] = asyncio.get_running_loop().create_future()
        self._asked[token] = answer, ours
        message = asked.model_copy(update={"token": token})
        try:
            with theirs:
                await self._send(channel.encoded(message), theirs.fileno())
            return await answer
        except BaseException:
            # One that is forked all the same finds its channel closed, and is killed as soon as it is known.
            ours.close()
            if answer.done() and not answer.cancelled() and not answer.exception():
                answer.result().kill()
            raise
        finally:
            self._asked.pop(token, None)

    async def end(self) -> int:
        """Have it end, with all its workers; return its exit code as subprocess has it.

        Whoever is cancelled meanwhile is so once it has ended: its process is to be waited for.
        """
        self._lose()
        ending = asyncio.ensure_future(self._wait())
        try:
            return await asyncio.shield(ending)
        except asyncio.CancelledError:
            await asyncio.wait((ending,))
            raise

    async def _wait(self) -> int:
        try:
            async with asyncio.timeout(_ENDS_WITHIN):
                return await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            return await self._process.wait()

    @property
    def workers(self) -> tuple[WorkerProcess, ...]:
        """Those that have not ended."""
        return tuple(self._workers.values())

    async def _send(self, data: bytes, descriptor: int) -> None:
        async with self._sending:
            while not self.lost.done():
                try:
                    socket.send_fds(self._connection, [data], [descriptor])
                    return
                except BlockingIOError:
                    await self._writable()
        raise OSError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        room: asyncio.Future[None] = loop.create_future()
        loop.add_writer(self._connection, _done, room)
        try:
            await asyncio.wait((room, self.lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.remove_writer(self._connection)

    # -- what it says --------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            data, descriptors = channel.receive(self._connection)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        try:
            if not data:
                raise EOFError
            self._take(reply(data), descriptors)
        except (EOFError, MessageError):
            self._lose()
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _take(self, said: Warm | Spawned | Refused | Exited, descriptors: list[int]) -> None:
        if isinstance(said, Warm):
            _done(self._warm)
        elif isinstance(said, Spawned):
            self._spawned(said, descriptors)
        elif isinstance(said, Refused):
            self._fail(said.token, OSError(said.errno, os.strerror(said.errno)))
        elif worker := self._workers.pop(said.pid, None):
            worker.end(said.status, said.words)

    def _spawned(self, said: Spawned, descriptors: list[int]) -> None:
        answer, connection = self._asked.get(said.token, (None, None))
        if not descriptors:
            # There was no room for it among ours: then its channel is closed, which ends it.
            self._fail(said.token, OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
        elif answer is None or connection is None or answer.done():
            kill(descriptors[0])
        else:
            worker = WorkerProcess(said.pid, descriptors.pop(), connection)
            self._workers[said.pid] = worker
            answer.set_result(worker)

    def _fail(self, token: int, error: OSError) -> None:
        answer, _ = self._asked.get(token, (None, None))
        if answer and not answer.done():
            answer.set_exception(error)

    def _lose(self) -> None:
        """Let go of the connection, which ends the fork server and all its workers."""
        if self.lost.done():
            return
        self.lost.set_result(None)
        asyncio.get_running_loop().remove_reader(self._connection)
        self._connection.close()
        gone = ConnectionResetError(errno.ECONNRESET, "the fork server ended")
        for token in self._asked:
            self._fail(token, gone)
        if not self._warm.done():
            self._warm.set_exception(gone)
        for worker in self._workers.values():
            worker.await_death()


def _done(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


class ForkServer:
    """The fork server, started again whenever it ends."""

    def __init__(self, log: Log, program: Sequence[str] = _PROGRAM) -> None:
        """Take the log, and what Python runs: it is given the number of the descriptor to talk over."""
        self._log = log
        self._program = program
        self._life: asyncio.Future[_Life] = asyncio.get_running_loop().create_future()
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it and wait until it is ready. Raises OSError."""
        self._life.set_result(await _Life.begin(self._program))
        self._keeping = asyncio.create_task(self._keep(), name="fork server")

    async def stop(self) -> None:
        """End it with all its workers, and wait for that. More than once is harmless."""
        if self._keeping is None:
            return
        self._keeping.cancel()
        await asyncio.wait((self._keeping,))
        self._keeping = None
        if self._life.done():
            await self._life.result().end()
        else:  # for those who still wait for a worker; there may be none
            self._life.set_exception(ConnectionResetError(errno.ECONNRESET, "the fork server was stopped"))
            self._life.exception()

    async def spawn(self, account: Account, memory: int) -> WorkerProcess:
        """Start a worker of a user, each of whose processes may have `memory` bytes for itself.

        It becomes the user by itself: where that fails, it ends with `Ending.NOT_CONFINED`.

        Raises `AccountError` for a user that gets none, and OSError when there is none in time.
        """
        credentials = Credentials(account.uid, account.gid, account.groups)
        credentials.check()
        return await self._spawn(
            Spawn(token=0, uid=account.uid, gid=account.gid, groups=account.groups, memory=memory)
        )

    async def hold(self, memory: int) -> WorkerProcess:
        """Start a holder, with at most `memory` bytes for itself. Raises OSError if there is none."""
        return await self._spawn(SpawnHolder(token=0, memory=memory))

    async def _spawn(self, asked: Spawn | SpawnHolder) -> WorkerProcess:
        try:
            async with asyncio.timeout(SPAWNED_WITHIN):
                return await (await self._living()).spawn(asked)
        except TimeoutError:
            raise TimeoutError(errno.ETIMEDOUT, "the fork server took too long") from None

    async def _living(self) -> _Life:
        """Wait for one that has not ended."""
        while True:
            life = await asyncio.shield(self._life)
            if self._keeping is None or not life.lost.done():
                return life
            await asyncio.sleep(0)  # its end is known, and about to be taken note of

    async def _keep(self) -> None:
        """Start it again whenever it ends."""
        pause = 0.0
        while True:
            life, began = self._life.result(), asyncio.get_running_loop().time()
            try:
                await asyncio.wait((life.lost,))
                self._life, workers = asyncio.get_running_loop().create_future(), len(life.workers)
            finally:
                code = await life.end()
            if asyncio.get_running_loop().time() - began > _LASTED:
                pause = 0.0
            while not self._life.done():
                await asyncio.sleep(pause)
                pause = min(_LONGEST_PAUSE, max(_FIRST_PAUSE, 2 * pause))
                with contextlib.suppress(OSError):
                    self._life.set_result(await _Life.begin(self._program))
            self._log.emit(ForkServerRestarted(reason=_told(code), workers=workers))


def _told(code: int) -> str:
    """Return in a word how it ended: the exit code, or the signal."""
    return f"exit_code_{code}" if code >= 0 else signal.Signals(-code).name.lower()
