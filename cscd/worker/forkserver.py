"""The process that workers and holders are forked from: warm, with one thread, and nothing of any user in it.

A worker cannot import anything once it is its user, who may have no access to the interpreter's files; and
its pages are shared with the fork server's as long as nobody writes to them. So everything is loaded here,
once (`cscd.worker.preload`), and set aside from the garbage collector.

It does what the daemon asks for: forks, and tells of ends. It ends when the daemon's end of the connection
closes, and every worker with it, for the kernel kills them (`cscd.worker.confinement`). It is also the parent
of whatever a worker leaves behind, and ends that.
"""

import contextlib
import errno
import os
import resource
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Final, NoReturn

from cscd.errors import AccountError, ConfinementError, MessageError
from cscd.worker import confinement, kernel, preload, rehearsal
from cscd.worker.channel import Channel, encoded, receive
from cscd.worker.confinement import Credentials, Limits
from cscd.worker.holder import holder, shelter
from cscd.worker.keeping import resident
from cscd.worker.messages import Message
from cscd.worker.spawning import Ending, Exited, Refused, Spawn, Spawned, SpawnHolder, Warm, request

Run = Callable[[Channel], int]
"""What a worker does once it is its user; returns its exit code."""

_WORDS: Final = 1000
"""Characters of what a worker last wrote to standard error."""
_PAGE: Final = 16 << 10
"""Bytes of it that are kept until it ends; what is more is lost, and nobody waits."""


class _Child:
    """A worker or a holder, and the pipe that it has for standard error."""

    def __init__(self, words: int) -> None:
        self._words = words

    def words(self) -> str:
        """Return the last that it wrote, and let go of it."""
        try:
            said = os.read(self._words, _PAGE)
        except BlockingIOError:  # something it left behind still has the other end
            said = b""
        finally:
            os.close(self._words)
        return said.decode("utf-8", "replace").strip()[-_WORDS:]


class _ForkServer:
    """The loop."""

    def __init__(self, connection: socket.socket, run: Run) -> None:
        self._connection = connection
        self._run = run
        self._known: dict[int, _Child] = {}
        self._woken, self._wakes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def serve(self) -> None:
        """Answer the daemon until it closes its end, or has gone."""
        signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        waiting = select.poll()
        waiting.register(self._connection, select.POLLIN)
        waiting.register(self._woken, select.POLLIN)
        with contextlib.suppress(ConnectionError):
            self._send(Warm())
            while True:
                ready = [descriptor for descriptor, _ in waiting.poll()]
                if self._woken in ready:
                    self._reap()
                if self._connection.fileno() in ready and not self._answer():
                    break
        self._end_all()

    def _end_all(self) -> None:
        """End every worker, then what it leaves behind: that becomes ours, and would be nobody's after us."""
        while left := _children():
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for pid in left:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)

    def _send(self, message: Message, *descriptors: int) -> None:
        socket.send_fds(self._connection, [encoded(message)], descriptors)

    # -- forking -------------------------------------------------------------------------------

    def _answer(self) -> bool:
        """Take one message; False at the stream's end."""
        data, descriptors = receive(self._connection)
        try:
            if not data:
                return False
            self._take(request(data), descriptors)
        except MessageError:
            self._send(Refused(token=0, errno=errno.EBADMSG))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def _take(self, spawn: Spawn | SpawnHolder, descriptors: list[int]) -> None:
        if not descriptors:  # there was no room for it
            self._send(Refused(token=spawn.token, errno=errno.EMFILE))
            return
        try:
            pid, pidfd = self._fork(spawn, descriptors[0])
        except OSError as error:
            self._send(Refused(token=spawn.token, errno=error.errno or errno.EIO))
            return
        try:
            self._send(Spawned(token=spawn.token, pid=pid), pidfd)
        finally:
            os.close(pidfd)

    def _fork(self, spawn: Spawn | SpawnHolder, channel: int) -> tuple[int, int]:
        """Fork what is asked for; return its process id and a descriptor of it. Raises OSError."""
        words, says = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            parent = os.getpid()
            pid = os.fork()
            if not pid:
                if isinstance(spawn, SpawnHolder):
                    _be_holder(spawn, channel, says, parent)
                _be_worker(spawn, channel, says, parent, self._run)
        except OSError:
            os.close(words)
            raise
        finally:
            os.close(says)
        self._known[pid] = _Child(words)
        try:
            return pid, os.pidfd_open(pid)  # it cannot be another's: nobody but us reaps it
        except OSError:
            os.kill(pid, signal.SIGKILL)
            raise

    # -- ends ----------------------------------------------------------------------------------

    def _reap(self) -> None:
        """Tell of every worker that has ended."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                child = self._known.pop(pid, None)
                if child:
                    self._send(Exited(pid=pid, status=status, words=child.words()))
        self._end_orphans()

    def _end_orphans(self) -> None:
        """Kill what workers have left behind: all that belongs there ends with its worker by itself."""
        for pid in _children() - self._known.keys():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _children() -> set[int]:
    """Return the processes whose parent we are; none where the kernel does not list them."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            return set(map(int, file.read().split()))
    except OSError:
        return set()


def _be_worker(spawn: Spawn, channel: int, says: int, parent: int, run: Run) -> NoReturn:
    """Be a worker, in the child."""
    ending: int = Ending.FAILED
    try:
        os.dup2(says, confinement.STANDARD_ERROR)
        user = Credentials(spawn.uid, spawn.gid, spawn.groups)
        confinement.become(user, Limits(spawn.memory), parent, (channel,))
        ending = run(Channel(socket.socket(fileno=channel)))
    except BaseException as error:  # noqa: BLE001 - nothing may get back into the fork server's code
        ending = _ending(error)
        with contextlib.suppress(BaseException):
            traceback.print_exc()
            sys.stderr.flush()
    finally:
        os._exit(ending)


def _be_holder(spawn: SpawnHolder, channel: int, says: int, parent: int) -> NoReturn:
    """Be a holder, in the child. What it says of an error has nothing of the error's text in it."""
    ending: int = Ending.FAILED
    try:
        os.dup2(says, confinement.STANDARD_ERROR)
        memory_locked = shelter.withdraw(spawn.memory, parent, channel)
        ending = holder.run(socket.socket(fileno=channel), memory_locked=memory_locked)
    except BaseException as error:  # noqa: BLE001 - nothing may get back into the fork server's code
        ending = _ending(error)
        with contextlib.suppress(BaseException):
            os.write(confinement.STANDARD_ERROR, holder.where(error).encode())
    finally:
        os._exit(ending)


def _ending(error: BaseException) -> Ending:
    if isinstance(error, AccountError | ConfinementError):
        return Ending.NOT_CONFINED
    return Ending.OUT_OF_MEMORY if isinstance(error, MemoryError) else Ending.FAILED


def main(arguments: list[str], run: Run) -> int:
    """Be the fork server of the daemon at the other end of a descriptor, the one argument."""
    connection = socket.socket(fileno=int(arguments[0]))
    connection.set_inheritable(False)
    confinement.reset_signals()
    for number in confinement.HANDLED:
        signal.signal(number, signal.SIG_IGN)  # SIGCHLD is heard from `serve` on
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    kernel.adopt_orphans()
    preload.warm()
    fillings = rehearsal.settle()
    _ForkServer(connection, run).serve()
    del fillings  # until now they kept others from their places
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], resident.run))
