"""A converter process: takes one task after the other from the pass and answers each.

Forked from the pass, so that it has the goal with its keys, the root of the tree and the stop flag
without any of it going through the pipe. It ends with the pass, however that ends.
"""

import contextlib
import gc
import os
import resource
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from mmap import mmap
from multiprocessing.connection import Connection
from typing import Final

from cscd.errors import CancelledError
from cscd.files.batch import Converter, Order
from cscd.files.failure import consequence
from cscd.files.goal import Goal
from cscd.files.lease import LeaseWatch
from cscd.files.leftover import clean, may_be_leftover
from cscd.files.outcome import Gone, LeftAlone, Outcome, Reason, Result
from cscd.files.rewrite import Rewriter
from cscd.files.tree import Tree
from cscd.worker import kernel
from cscd.worker.passes.priority import Io, step_back
from cscd.worker.passes.scan import Listing, Scan
from cscd.worker.passes.selection import Selection
from cscd.worker.passes.tasks import (
    ContinueScan,
    Converted,
    ConvertItems,
    NotListed,
    Progress,
    ScanDirectories,
    Scanned,
    Task,
)

#: Seconds between two progress messages: often enough for a bar that moves.
_TELL_EVERY: Final = 0.1
#: Seconds after which a busy thread hands over the interpreter: the watch of the leases waits no longer.
_SWITCH: Final = 0.0005
#: Ends and stops are for the pass to decide, which says so by the stop flag. A process that was stopped on
#: its own would keep its leases, and whoever opens those files would wait.
_IGNORED: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
)
#: Objects made and not freed between two looks for cycles. The items of a batch are as many, and none is a
#: cycle; the exceptions of items left alone may be.
_COLLECT_EVERY: Final = 20_000


@dataclass(frozen=True, slots=True)
class Assignment:
    """What all converter processes of a pass have in common."""

    tree: Tree
    goal: Goal
    selection: Selection
    threads: int
    """How many threads may work on one large file."""
    stop: mmap
    """One byte shared by all; not zero means stop."""
    io: Io
    nice: int
    """Priorities in the background, see `step_back`."""


class ConverterProcess:
    """The loop of one process, and what it holds between two tasks."""

    def __init__(self, assignment: Assignment, pipe: Connection, watch: LeaseWatch) -> None:
        self._tree = assignment.tree
        self._selection = assignment.selection
        self._stop = assignment.stop
        self._pipe = pipe
        self._scans: dict[str, Scan] = {}
        self._read = 0
        self._told = time.monotonic()
        self._began_ns = time.time_ns()  # the pass has its lock, so that no other one is at work in the tree
        self._converter = Converter(
            assignment.goal,
            assignment.tree.device,
            watch,
            Rewriter(assignment.threads),
            self._check,
            self._count,
        )

    def run(self) -> None:
        """Answer tasks until the pass closes the pipe."""
        with contextlib.suppress(EOFError, ConnectionError):  # a pass that is killed resets the pipe
            while True:
                task: Task = self._pipe.recv()
                answer = self._convert(task) if isinstance(task, ConvertItems) else self._scan(task)
                self._tell()
                self._pipe.send(answer)

    def _check(self) -> None:
        if self._stop[0]:
            raise CancelledError("stopped")

    def _count(self, read: int) -> None:
        self._read += read
        if time.monotonic() - self._told > _TELL_EVERY:
            self._tell()

    def _tell(self) -> None:
        if self._read:
            self._pipe.send(Progress(self._read))
            self._read = 0
            self._told = time.monotonic()

    # -- listing -------------------------------------------------------------------------------

    def _scan(self, task: ScanDirectories | ContinueScan) -> Scanned:
        if isinstance(task, ContinueScan):
            return Scanned((self._slice(task.path, None),))
        return Scanned(tuple(self._slice(path, record) for path, record in task.directories))

    def _slice(self, path: str, record: bytes | None) -> Listing | NotListed:
        """List the next slice of a directory; the first one where there is a record."""
        try:
            if record is not None:
                self._scans[path] = Scan(self._tree, path, record, self._selection, self._began_ns)
            listing = self._scans[path].slice()
        except LeftAlone as left:
            return self._not_listed(path, left)
        except OSError as error:
            return self._not_listed(path, consequence(error))
        if not listing.more:
            self._scans.pop(path).close()
        return listing

    def _not_listed(self, path: str, left: LeftAlone | Gone) -> NotListed:
        scan = self._scans.pop(path, None)
        if scan:
            scan.close()
        return NotListed(None, 0) if isinstance(left, Gone) else NotListed(left.reason, left.errno)

    # -- converting ----------------------------------------------------------------------------

    def _convert(self, task: ConvertItems) -> Converted:
        results: list[Result | None] = []
        orders: list[tuple[int, Order]] = []
        directories: list[int] = []
        try:
            for path, names in task.groups:
                self._take_group(path, names, results, orders, directories, looking=task.looking)
            with contextlib.suppress(CancelledError):
                run = self._converter.look if task.looking else self._converter.run
                run([order for _, order in orders])
            if task.durable:
                _make_durable(order for _, order in orders)
            for place, order in orders:
                results[place] = order.result
        finally:
            for directory in directories:
                os.close(directory)
        return Converted(tuple(results))

    def _take_group(
        self,
        path: str,
        names: tuple[str, ...],
        results: list[Result | None],
        orders: list[tuple[int, Order]],
        directories: list[int],
        *,
        looking: bool,
    ) -> None:
        """Turn the items of one directory into orders, or into results where there is nothing to order."""
        try:
            directory = self._tree.directory(path)
        except LeftAlone as left:
            results += [_result(left)] * len(names)
            return
        except OSError as error:
            results += [_result(consequence(error))] * len(names)
            return
        directories.append(directory)
        for name in names:
            done = self._clean(directory, path, name, looking=looking) if may_be_leftover(name) else None
            if done is None:
                orders.append((len(results), Order(directory, name)))
            results.append(done)

    def _clean(self, directory: int, path: str, name: str, *, looking: bool) -> Result | None:
        """Deal with a leftover; None if the file is an item like any other."""
        try:
            leftover = clean(directory, name, looking=looking)
        except (LeftAlone, Gone) as left:
            return _result(left)
        if leftover:
            return Result(Outcome.CLEANED, detail=leftover.restored)
        return None if self._selection.takes(path, name) else Result(Outcome.LEFT, Reason.EXCLUDED)


def _make_durable(orders: Iterable[Order]) -> None:
    """Wait for the exchanges of names to reach the medium, as the contents have before."""
    for order in orders:
        if order.result and order.result.converted:
            try:
                os.fsync(order.directory)
            except OSError as error:  # it is whole in either state, and nobody knows in which
                order.result = _result(consequence(error))


def _result(left: LeftAlone | Gone) -> Result:
    if isinstance(left, Gone):
        return Result(Outcome.GONE)
    return Result(Outcome.LEFT, left.reason, left.errno, detail=left.detail)


def run_converter(assignment: Assignment, pipe: Connection, parent: int) -> None:
    """Be a converter process until the pass ends; called right after the fork."""
    kernel.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        return  # the pass ended before we asked to end with it
    for ignored in _IGNORED:
        signal.signal(ignored, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # keys and plaintext are in this memory
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    sys.setswitchinterval(_SWITCH)
    gc.freeze()  # what the pass has made lives as long as we do; looking through it only copies its pages
    gc.set_threshold(_COLLECT_EVERY)
    with LeaseWatch() as watch:
        if assignment.goal.background:
            # After the start of the watch, which stays as it was: it must not wait for what it answers for.
            with contextlib.suppress(OSError):  # where it cannot be, the work is done all the same
                step_back(assignment.io, assignment.nice)
        ConverterProcess(assignment, pipe, watch).run()
