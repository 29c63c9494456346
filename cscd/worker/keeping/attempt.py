"""The resident's end of a pass: a process forked for it, which is fed with hints, stopped and reaped.

What the pass needed of memory and keys goes with its process.
"""

import contextlib
import gc
import os
import signal
import traceback
from mmap import mmap
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import NoReturn

from cscd.worker import kernel
from cscd.worker.keeping import errand
from cscd.worker.keeping.backlog import Backlog
from cscd.worker.keeping.errand import Errand
from cscd.worker.keeping.reports import Begun, Finished, Hint, Reply, Report, Taken
from cscd.worker.passes.places import Places

#: Ends and stops are for the daemon to decide, which says so through the resident; see `converter`.
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)


class Attempt:
    """A pass under way in a process of its own."""

    def __init__(self, work: Errand) -> None:
        """Fork the process. No thread may be running."""
        self._stop = mmap(-1, 1)
        self._pipe, theirs = Pipe()
        parent = os.getpid()
        self.pid = os.fork()
        if not self.pid:
            _be_errand(work, theirs, self._stop, parent)
        theirs.close()
        self._root = ""
        """The root that the process is at, "" between two."""
        everything = work.start.scope == "all"
        self._given = {
            root: Backlog() if everything else Backlog.of(places) for root, places in work.roots.items()
        }
        """What comes back of each root that is not finished; that all of it was asked for is the daemon's."""
        self._unanswered: Hint | None = None

    def fileno(self) -> int:
        """Return the descriptor of the pipe, to be waited for."""
        return self._pipe.fileno()

    @property
    def stopped(self) -> bool:
        """Whether a stop was asked for."""
        return bool(self._stop[0])

    def stop(self) -> None:
        """Have it end after the chunk at hand."""
        self._stop[0] = 1

    def takes(self, root: str) -> bool:
        """Whether a hint for a root could be handed over now."""
        return root == self._root and not self._unanswered and not self.stopped

    def feed(self, root: str, places: Places) -> None:
        """Hand over places to be looked at in the root that the process is at."""
        hint = Hint(root, places)
        with contextlib.suppress(ConnectionError):  # it died: what was given comes back
            self._pipe.send(hint)
        self._unanswered = hint

    def reply(self, reply: Reply) -> None:
        """Hand over the answer that the process waits for."""
        with contextlib.suppress(ConnectionError):  # it died
            self._pipe.send(reply)

    def read(self) -> Report | None:
        """Return the next report; None at the end of the process."""
        try:
            report: Report = self._pipe.recv()
        except (EOFError, ConnectionError):
            return None
        if isinstance(report, Begun):
            self._root = report.root
        elif isinstance(report, Taken):
            self._accept()
        elif isinstance(report, Finished):
            self._root = ""
        return report

    def more(self) -> bool:
        """Whether another report can be read without waiting."""
        return self._pipe.poll()

    def _accept(self) -> None:
        """Count an answered hint among what was given."""
        hint, self._unanswered = self._unanswered, None
        if hint and hint.root in self._given:
            self._given[hint.root].add(hint.places)

    def settle(self, root: str, *, done: bool) -> Places:
        """Return what comes back of what was given for a finished root: all of it, unless it was done."""
        back = self._given.pop(root, Backlog())
        if done:
            back = Backlog()
        if self._unanswered and self._unanswered.root == root:
            back.add(self._unanswered.places)
            self._unanswered = None
        return back.take()

    @property
    def unsettled(self) -> tuple[str, ...]:
        """The roots that were not finished."""
        return tuple(self._given)

    def end(self) -> int:
        """Wait for the end of the process, which has closed its pipe; returns its exit code."""
        self._pipe.close()
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        """End it at once; its converter processes end with it, and every item is whole."""
        os.kill(self.pid, signal.SIGKILL)


def _be_errand(work: Errand, pipe: Connection, stop: mmap, parent: int) -> NoReturn:
    """Run in the child."""
    code = 1
    try:
        kernel.die_with_parent(signal.SIGKILL)
        if os.getppid() == parent:
            for ignored in _IGNORED:
                signal.signal(ignored, signal.SIG_IGN)
            _close_all_but(pipe.fileno(), work.keys)
            gc.freeze()
            errand.run(work, pipe, stop)
            code = 0
    except BaseException:  # noqa: BLE001 - nothing may escape into the resident's code in this process
        traceback.print_exc()
    finally:
        os._exit(code)


def _close_all_but(*kept: int | None) -> None:
    """Let go of the resident's connections: that to the daemon is nobody else's."""
    first = 3
    for fd in sorted(fd for fd in kept if fd is not None):
        os.closerange(first, fd)
        first = fd + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))
