"""Seeing new items: a process beside the resident that watches the roots and tells what happens in them.

It is a process of its own because watchdog reads the kernel's events in a thread, and the resident
forks a process for every pass, which it could not safely do with threads. It has nothing to lose: if it dies,
the resident makes another one.
"""

import contextlib
import gc
import os
import pickle
import signal
import socket
import threading
import traceback
import warnings
from collections.abc import Sequence
from typing import Final, NoReturn

from cscd.files.tree import Tree
from cscd.worker import kernel
from cscd.worker.passes.selection import Selection
from cscd.worker.passes.silence import silence_watchdog
from cscd.worker.watch.lookout import LONGEST, Lookout
from cscd.worker.watch.noticed import Degraded, Noticed

#: Files awaited at most; readers of others are not heard.
_MOST_AWAITED: Final = 1024
#: Bytes of the stack of watchdog's thread.
_STACK: Final = 256 << 10
#: The terminal's signals are for the resident to decide upon.
_IGNORED: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
)


class Watcher:
    """The resident's side: the process, and what it tells."""

    def __init__(self, trees: Sequence[Tree], selection: Selection) -> None:
        """Fork it. Only where no thread runs; the trees are to stay open until then, no longer."""
        self._roots = len(trees)
        self.pipe, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        """Can be read when there is something, also when the process has ended."""
        parent = os.getpid()
        self.pid = os.fork()
        if not self.pid:
            _be_lookout(trees, selection, theirs, parent)
        theirs.close()
        self.pipe.setblocking(False)  # noqa: FBT003 - the method's own
        self._ended = False
        self._unsent: bytes | None = None

    @property
    def alive(self) -> bool:
        """Whether the process runs; if it does not, `close` this and make another."""
        if not self._ended:
            with contextlib.suppress(ChildProcessError):
                self._ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        return not self._ended

    def noticed(self) -> list[Noticed]:
        """Return everything that has come, without waiting.

        When the process has ended, that is `Degraded` with "died" for every root, once; then nothing.
        """
        come: list[Noticed] = []
        while not self._ended:
            try:
                data = self.pipe.recv(LONGEST)
            except BlockingIOError:
                break
            except ConnectionError:
                data = b""
            if not data:
                self._ended = True
                return come + [Degraded(root, "died", 0) for root in range(self._roots)]
            come.append(pickle.loads(data))  # noqa: S301 - from our own fork, the same user
        self._send()
        return come

    def await_close(self, files: set[tuple[int, str, str]]) -> None:
        """Be told when anyone closes one of these, reading or writing: root number, directory, name.

        Replaces the set before. Whoever reads is heard, this worker as well: await nothing while a pass is at
        work on them. No more than a thousand are heard, and fewer if their names are very long.
        """
        some = sorted(files)[:_MOST_AWAITED]
        while len(data := pickle.dumps(set(some))) >= LONGEST:
            some = some[: len(some) // 2]
        self._unsent = data
        self._send()

    def _send(self) -> None:
        if self._unsent is not None:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                self.pipe.send(self._unsent)
                self._unsent = None

    def close(self) -> None:
        """End the process and wait for that."""
        self.pipe.close()
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self._ended = True


def _be_lookout(
    trees: Sequence[Tree], selection: Selection, resident: socket.socket, parent: int
) -> NoReturn:
    """Run in the child."""
    code = 1
    try:
        kernel.die_with_parent(signal.SIGKILL)
        if os.getppid() == parent:  # else it ended before we asked to end with it
            _shed({tree.fd for tree in trees} | {resident.fileno()})
            _quiet()
            Lookout(trees, selection, resident).run()
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may escape into the parent's code in this process
        traceback.print_exc()
    finally:
        os._exit(code)


def _shed(kept: set[int]) -> None:
    """Close what the resident has open, but for the standard streams.

    The objects that think of these descriptors as theirs are never freed: this process does not return.
    """
    low = 3
    for fd in sorted(kept):
        os.closerange(low, fd)
        low = max(low, fd + 1)
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def _quiet() -> None:
    """Be no burden: no signals of the terminal's, small stacks, no copies of the resident's memory."""
    signal.set_wakeup_fd(-1)
    for ignored in _IGNORED:
        signal.signal(ignored, signal.SIG_IGN)
    gc.freeze()
    threading.stack_size(_STACK)
    # watchdog logs an overflow, which is told anyway, and warns when a directory is watched once more.
    silence_watchdog()
    # By category alone: a pattern of its text would be compiled here, which costs more memory than the watch.
    warnings.simplefilter("ignore", RuntimeWarning)
