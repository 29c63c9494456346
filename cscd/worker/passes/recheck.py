"""One pass over one tree: find the items, have those that differ converted, come back to the rest.

This process lists nothing and converts nothing itself. It keeps what is still to do, hands it to the
converter processes, and counts what they answer. What it keeps is bounded.
"""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from mmap import mmap
from typing import TYPE_CHECKING, Final

from cscd.errors import WorkersDiedError
from cscd.files import kernel
from cscd.files.goal import Goal, State
from cscd.files.outcome import Lasting, LeftAlone, Outcome, Reason, Result
from cscd.files.tree import Tree
from cscd.worker.passes.agenda import Agenda
from cscd.worker.passes.converter import Assignment
from cscd.worker.passes.crew import Crew, Member
from cscd.worker.passes.directories import Directories
from cscd.worker.passes.index import Index
from cscd.worker.passes.lock import only_pass
from cscd.worker.passes.options import Options
from cscd.worker.passes.pending import MOST, PendingItems
from cscd.worker.passes.places import Inbox, Place, Places
from cscd.worker.passes.scan import Listing
from cscd.worker.passes.tally import Tally, join
from cscd.worker.passes.tasks import (
    Answer,
    ContinueScan,
    Converted,
    ConvertItems,
    NotListed,
    Progress,
    ScanDirectories,
    Task,
)

if TYPE_CHECKING:
    from cscd.worker.passes.closing import ClosingFiles

#: Seconds between two looks at the clock, the stop request and the progress.
_TICK: Final = 0.1


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a pass is waiting for, when all that is left is open elsewhere."""

    items: int
    until: float
    """Monotonic time at which it stops waiting."""
    example: str
    """The path of one of the items, relative to the root."""
    result: Result
    """Why that one is waiting."""


#: Called again and again with what has been done so far.
Watcher = Callable[[Tally, Waiting | None], None]


#: Told the directory and name of each item that is left alone or has been dealt with, and what came of it.
#: Of items that were left alone without a look inside, only the first of each directory are told.
Listener = Callable[[str, str, Result], None]


class Pass:
    """One pass over one tree."""

    def __init__(
        self,
        tree: Tree,
        goal: Goal,
        options: Options,
        watcher: Watcher,
        *,
        stop: mmap | None = None,
        inbox: Inbox | None = None,
        listener: Listener | None = None,
    ) -> None:
        """Prepare; nothing happens before `run`.

        `stop` is a byte shared with whoever may stop the pass: not zero means stop.
        """
        self._tree = tree
        self._goal = goal
        self._options = options
        self._watcher = watcher
        self._stop = stop or mmap(-1, 1)
        self._inbox = inbox
        self._listener = listener
        self.tally = Tally()
        self.index_lost = ""
        """Why the index had to be made anew: missing, damaged or another_version; "" if it had not."""
        self._agenda = Agenda(looking=options.looking)
        self._pending = PendingItems()
        self._lost: set[Place] = set()
        """Items in the hands of a converter process that died: tried once more, then given up."""
        self._left: dict[Place, Reason] = {}
        """Items left alone for long, if hints may have some looked at twice: each counts once."""
        self._dropped = False
        """Some item found was not dealt with."""
        self._cut = False
        """Some directory was not listed."""

    def stop(self) -> None:
        """Stop soon: after the chunk at hand. May be called from a signal handler."""
        self._stop[0] = 1

    @property
    def stopped(self) -> bool:
        """Whether a stop was asked for."""
        return bool(self._stop[0])

    def run(self) -> Tally:
        """Do the pass and return what came of it. Everything done is durable then.

        Raises `BusyError` if another pass is at work on the tree, and `WorkersDiedError`; then `tally`
        says what had been done.
        """
        options = self._options
        with ExitStack() as stack:
            known = options.looking or stack.enter_context(only_pass(options.state_directory, self._tree))
            index = stack.enter_context(
                Index(options.state_directory, self._tree, self._goal, looking=options.looking)
            )
            self.index_lost = index.lost if known else ""
            directories = Directories(index)
            assignment = Assignment(
                self._tree,
                self._goal,
                options.selection,
                options.threads,
                self._stop,
                options.io,
                options.nice,
            )
            crew = Crew(assignment, options.processes)
            stack.callback(crew.end)
            try:
                self._take_in(options.places)
                self._work(crew, directories)
                if self._pending and options.retry_for:
                    self._retry(crew, directories)
            finally:
                crew.dismiss()  # they end while we wait for the disk
                self._finish(directories)
                self._make_durable()
        return self.tally

    def _take_in(self, places: Places) -> None:
        """Look at these places: subtrees in their turn, items before anything else."""
        for path in places.subtrees:
            with suppress(OSError, LeftAlone):  # gone, or no directory any more
                self._agenda.scan([(path, self._inode(path))])
        for place in places.items:
            if self._options.selection.covers(*place, self._tree) and self._agenda.hurry(place):
                self.tally.found += place not in self._pending

    def _inode(self, path: str) -> int:
        fd = self._tree.directory(path)
        try:
            return os.fstat(fd).st_ino
        finally:
            os.close(fd)

    def _make_durable(self) -> None:
        """Wait for the exchanges to reach the medium, also those of a killed pass that we found done."""
        hurried = self.stopped and self._options.leave_quickly
        if self.tally.found and not self._options.looking and not hurried:
            kernel.sync_filesystem(self._tree.fd)

    def _work(self, crew: Crew, directories: Directories) -> None:
        """Hand out and count until nothing is left that could be done now."""
        while True:
            if self._inbox:
                self._take_in(self._inbox.take())
            self._hand_out(crew, directories)
            if self._idle(crew):
                return
            self._take_answers(crew, directories, _TICK, [self._inbox.fileno()] if self._inbox else [])
            self._watcher(self.tally, None)

    def _idle(self, crew: Crew) -> bool:
        return not crew.busy

    def _next_task(self, crew: Crew, member: Member, directories: Directories) -> Task | None:
        return self._agenda.next_task(crew, member, directories)

    def _hand_out(self, crew: Crew, directories: Directories) -> None:
        if self.stopped:
            self._drop_all()
            return
        for member in crew.free():
            task = self._next_task(crew, member, directories)
            if task:
                member.give(task)

    def _drop_all(self) -> None:
        """Forget what has not been begun; the tally says so."""
        self._cut = self._cut or self._agenda.walking
        self._dropped = self._dropped or self._cut or self._agenda.looking
        self.tally.untouched += self._agenda.drop(lambda place: place not in self._pending)

    # -- counting ------------------------------------------------------------------------------

    def _take_answers(self, crew: Crew, directories: Directories, timeout: float, wake: list[int]) -> None:
        for message in crew.answers(timeout, wake):
            if isinstance(message, Progress):
                self.tally.read_bytes += message.read
            else:
                self._count(*message, directories)
        if not crew.alive and not self.stopped:
            self._dropped = self._cut = True
            raise WorkersDiedError("all converter processes were killed; was the system out of memory?")

    def _count(self, member: Member, task: Task, answer: Answer | None, directories: Directories) -> None:
        if answer is None:
            self._count_death(task, directories)
        elif isinstance(task, ConvertItems) and isinstance(answer, Converted):
            for place, result in zip(task.places(), answer.results, strict=True):
                self._count_item(place, result, directories)
        elif isinstance(answer, Converted) or isinstance(task, ConvertItems):
            raise TypeError(f"{type(answer).__name__} does not answer {type(task).__name__}")
        else:
            paths = [task.path] if isinstance(task, ContinueScan) else [path for path, _ in task.directories]
            for path, listing in zip(paths, answer.listings, strict=True):
                self._count_listing(member, path, listing, directories)

    def _count_listing(
        self, member: Member, path: str, listing: Listing | NotListed, directories: Directories
    ) -> None:
        if isinstance(listing, NotListed):
            directories.drop(path)
            if listing.reason:
                self._leave(*os.path.split(path), Result(Outcome.LEFT, listing.reason, listing.errno))
            return
        self._count_slice(path, listing)
        directories.listed(path, listing)
        if listing.more:
            self._agenda.resume(member, path)
        else:
            self.tally.directories += 1

    def _count_slice(self, path: str, listing: Listing) -> None:
        tally = self.tally
        tally.right += listing.right
        tally.right_bytes += listing.right_bytes
        if self._goal.state is State.ENCRYPTED:
            tally.count_key(self._goal.key_id, listing.right)  # of others the index keeps nothing
        for name, reason in listing.left_first:
            listing.left[reason] -= 1
            self._leave(path, name, Result(Outcome.LEFT, reason))
        tally.left += listing.left
        self._agenda.scan((join(path, name), inode) for name, inode in listing.subdirectories)
        self._agenda.look((path, name, size) for name, size in listing.candidates)
        tally.found += len(listing.candidates)
        tally.found_bytes += sum(size for _, size in listing.candidates)

    def _leave(self, directory: str, name: str, result: Result) -> None:
        """Count what is left alone without having been tried."""
        self.tally.leave(join(directory, name) or ".", result)
        if self._listener:
            self._listener(directory, name, result)

    def _count_item(self, place: Place, result: Result | None, directories: Directories) -> None:
        """Count what became of one item, or have it wait for another try."""
        path, name = place
        listed = not self._agenda.answered(place) or place in self._pending
        if result is None:
            self.tally.untouched += 1
            self._dropped = True
        else:
            if self._listener:
                self._listener(path, name, result)
            if self._waits(place, result):
                return  # its directory stays open until it has been dealt with
            self._count_done(place, result, directories)
        seen = result.seen if result else None
        if listed:
            directories.done(path, seen)
        elif seen:
            directories.learn(path, seen)

    def _count_done(self, place: Place, result: Result, directories: Directories) -> None:
        path, name = place
        self._pending.drop(place)
        self.tally.waiting = len(self._pending)
        if before := self._left.pop(place, None):
            self.tally.withdraw(join(path, name), before)
        if self._inbox and result.reason and len(self._left) < MOST:
            self._left[place] = result.reason
        self.tally.finished += 1
        self.tally.add(path, name, result)
        if result.outcome is Outcome.CLEANED and result.detail:
            self._agenda.look([(path, result.detail, 0)])  # it has its old version back: look again
            self.tally.found += 1
            directories.more(path)

    def _waits(self, place: tuple[str, str], result: Result) -> bool:
        """Queue an item for another try if that can help and is wanted."""
        if result.reason is None or result.reason.lasting is not Lasting.BRIEF or self._options.looking:
            return False
        waits = self._pending.put(place, result, time.monotonic())
        self.tally.waiting = len(self._pending)
        return waits

    def _count_death(self, task: Task, directories: Directories) -> None:
        """Try what a dead process had in hand once more, in case it was not the cause."""
        if not isinstance(task, ConvertItems):
            paths = [task.path] if isinstance(task, ContinueScan) else [path for path, _ in task.directories]
            for path in paths:
                inode = directories.drop(path)
                if isinstance(task, ScanDirectories) and inode is not None and (path, "") not in self._lost:
                    self._lost.add((path, ""))
                    self._agenda.scan([(path, inode)])
                else:
                    self._leave(*os.path.split(path), _DIED)
            return
        for place in task.places():
            if place in self._lost:
                self._count_item(place, _DIED, directories)
            else:
                self._lost.add(place)
                self._agenda.look_alone(place)

    # -- coming back ---------------------------------------------------------------------------

    def _retry(self, crew: Crew, directories: Directories) -> None:
        """Try the waiting items again, at their time or when somebody closes them."""
        # Here and not above: most passes end without, and importing watchdog takes a fifth of their start.
        from cscd.worker.passes.closing import ClosingFiles  # noqa: PLC0415

        until = time.monotonic() + self._options.retry_for
        with ClosingFiles(self._tree) as closing:
            while self._pending and not self.stopped and time.monotonic() < until:
                closing.watch({path for (path, _), _ in self._pending.items()})
                self._wait(crew, closing, directories, until)
                now = time.monotonic()
                for place in closing.take():
                    self._pending.closed(place, now)
                due = self._pending.take_due(now)
                closing.expect(place for place, _ in due)
                self._agenda.look((*place, size) for place, size in due)
                self._work(crew, directories)
        if not self.stopped:  # a last try, whatever the timers say
            self._agenda.look((*place, size) for place, size in self._pending.take_all())
            self._work(crew, directories)

    def _wait(self, crew: Crew, closing: "ClosingFiles", directories: Directories, until: float) -> None:
        """Wait for the next try, a close, or the tick of the progress."""
        place, item = next(iter(self._pending.items()))
        self._watcher(self.tally, Waiting(len(self._pending), until, join(*place), item.result))
        due = min(self._pending.next_due() or until, until, time.monotonic() + _TICK)
        self._take_answers(crew, directories, max(0.0, due - time.monotonic()), [closing.wake])

    def _finish(self, directories: Directories) -> None:
        """Count those still waiting as left, and let the index forget what is no more."""
        tally = self.tally
        for (path, name), item in self._pending.items():
            tally.finished += 1
            tally.add(path, name, item.result._replace(size=0))
        tally.waiting = 0
        tally.walked = not self._cut and not self._agenda.walking
        tally.complete = tally.walked and not self._dropped
        whole = tally.walked and self._options.places.whole and self._options.selection.everything
        directories.finish(self._inode, whole=whole)


_DIED: Final = Result(Outcome.LEFT, Reason.IO_ERROR, detail="the process that worked on it died")
