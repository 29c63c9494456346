"""Watching one root: what its events say of files, and of directories that come and go.

A directory that has appeared is told of only when all of it is watched, so that whoever then looks at it
misses nothing.

What cannot be seen: a change without a close (a program that keeps its file open, which could not be
converted anyway; truncate(2) by path), and what other machines do on a network filesystem. For those
there is the recheck.
"""

import os
import time
from collections import deque
from collections.abc import Iterator
from typing import Final

from watchdog.observers.inotify_c import InotifyConstants

from cscd.files.temporary import PREFIX, SecondName
from cscd.worker.passes.selection import Selection
from cscd.worker.watch import network
from cscd.worker.watch.branches import Branch
from cscd.worker.watch.coverage import Coverage
from cscd.worker.watch.doubts import Doubts
from cscd.worker.watch.ground import Ground
from cscd.worker.watch.hints import MOST_FILES, Hints
from cscd.worker.watch.intake import IGNORED, Event, Intake, Reader
from cscd.worker.watch.noticed import Degraded, Place, RootGone, Watching

_ISDIR: Final = int(InotifyConstants.IN_ISDIR)
_CREATED: Final = int(InotifyConstants.IN_CREATE)
_FROM: Final = int(InotifyConstants.IN_MOVED_FROM)
_TO: Final = int(InotifyConstants.IN_MOVED_TO)
_WRITTEN: Final = int(InotifyConstants.IN_CLOSE_WRITE)
_CLOSED: Final = int(InotifyConstants.IN_CLOSE_WRITE | InotifyConstants.IN_CLOSE_NOWRITE)
_OF_ROOT: Final = int(
    InotifyConstants.IN_DELETE_SELF | InotifyConstants.IN_MOVE_SELF | InotifyConstants.IN_UNMOUNT
)
#: Seconds after which a directory that was moved out of a watched one has not arrived in another.
_ARRIVES_IN: Final = 0.1
#: Seconds after the last directory that was not where it was thought to be, until the root is walked again.
_ORDER_AFTER: Final = 1.0
#: Moves under way that are remembered: the two events of one follow each other closely.
_MOST_MOVES: Final = 64
#: Directories that have appeared and wait to be watched; beyond, the root as a whole is walked again.
_MOST_WALKS: Final = 4096


class RootWatch:
    """One root, watched through an inotify instance."""

    def __init__(
        self, number: int, ground: Ground, selection: Selection, reader: Reader, intake: Intake, hints: Hints
    ) -> None:
        """Begin to watch; `work` goes on with it."""
        self.number = number
        self._device = ground.device
        self._selection = selection
        self._intake = intake
        self._hints = hints
        self._coverage = Coverage(number, ground, selection, reader, intake)
        self._doubts = Doubts(ground)
        self._walks: deque[Iterator[object]] = deque([self._walk_all()])
        self._leaving: dict[int, tuple[Branch, float]] = {}
        """Directories moved out of a watched one, by the cookie of the event, and when."""
        self._swapping: dict[int, SecondName] = {}
        """Second names given up in a move, by its cookie."""
        self._order_at: float | None = None
        """Monotonic time at which to walk the root once more."""
        self._awaited: set[Place] = set()
        self._paths: dict[Branch, str | None] = {}
        """Paths of directories, for as long as nothing moves."""
        self._gone = False

    @property
    def watches(self) -> set[int]:
        """The kernel's numbers of its watches."""
        return self._coverage.branches.watches()

    # -- watching directories --------------------------------------------------------------------

    def work(self, until: float) -> bool:
        """Go on watching directories until a monotonic time; returns whether some are left."""
        while self._walks and not self._gone:
            try:
                next(self._walks[0])
            except StopIteration:
                self._walks.popleft()
            if time.monotonic() >= until:
                break
        return bool(self._walks) and not self._gone

    def _walk_all(self) -> Iterator[object]:
        coverage = self._coverage
        coverage.watch_above()
        yield from coverage.walk(None, "")
        if not coverage.rooted():
            self._lose_root()
        elif coverage.unwatched:
            self._hints.standing(Degraded(self.number, "limit", coverage.unwatched))
        elif network.serves(self._device):
            self._hints.standing(Degraded(self.number, "unsupported", 0))
        else:
            self._hints.standing(Watching(self.number, len(coverage.branches)))

    def _walk_new(self, parent: Branch, name: str, *, moved: bool) -> Iterator[object]:
        """Watch a directory that has appeared and all below it, and tell of it then.

        One that was moved is walked again even if it was watched where it was before: a walk that was
        under way there may have looked for what is below it at the old place, and found nothing.
        """
        coverage = self._coverage
        before, unwatched = len(coverage.branches), coverage.unwatched
        yield from coverage.walk(parent, name, again=moved)
        if coverage.unwatched != unwatched:
            self._hints.standing(Degraded(self.number, "limit", coverage.unwatched))
        path = coverage.path(parent, name)
        if path is not None and (moved or coverage.unwatched or len(coverage.branches) != before):
            self._hints.subtree(path)

    @property
    def unwatched(self) -> int:
        """How many directories there was no room to watch."""
        return 0 if self._gone else self._coverage.unwatched

    # -- events ------------------------------------------------------------------------------------

    def hear(self) -> None:
        """Take in the events that have come."""
        events = self._intake.take()
        self._paths.clear()
        for event in events:
            if self._gone:
                return
            self._hear(event)
            if len(self._doubts) > MOST_FILES:
                self._settle_files()

    def _hear(self, event: Event) -> None:
        branch = self._coverage.branches.get(event.wd)
        if branch is None:
            if event.wd == self._coverage.above and not self._coverage.rooted():
                self._lose_root()
            return
        if event.mask & IGNORED:
            self._coverage.branches.remove(branch)
            self._paths.clear()
        elif not event.name:
            if event.mask & _OF_ROOT and branch is self._coverage.branches.root:
                self._lose_root()
        elif event.mask & _ISDIR:
            self._hear_directory(branch, os.fsdecode(event.name), event)
        else:
            self._hear_file(branch, os.fsdecode(event.name), event)

    def _lose_root(self) -> None:
        if not self._gone:
            self._gone = True
            root = self._coverage.branches.root
            if root:
                self._coverage.drop(root)
            self._hints.standing(RootGone(self.number))

    def _path(self, branch: Branch) -> str | None:
        try:
            return self._paths[branch]
        except KeyError:
            path = self._paths[branch] = self._coverage.branches.path(branch)
            return path

    # -- directories -------------------------------------------------------------------------------

    def _hear_directory(self, parent: Branch, name: str, event: Event) -> None:
        if event.mask & _FROM:
            branch = (parent.children or {}).get(name)
            if not branch:
                if self._coverage.enters(self._path(parent) or "", name):
                    self._coverage.branches.jumbled = True
            else:
                self._coverage.branches.detach(branch)
                self._leaving[event.cookie] = (branch, time.monotonic())
                self._paths.clear()
        elif event.mask & (_TO | _CREATED):
            branch, _ = self._leaving.pop(event.cookie, (None, 0.0)) if event.mask & _TO else (None, 0.0)
            self._arrive(parent, name, branch, moved=bool(event.mask & _TO))

    def _arrive(self, parent: Branch, name: str, branch: Branch | None, *, moved: bool) -> None:
        """Take in a directory that has appeared in a watched one; a branch if it was watched before."""
        path = self._path(parent)
        if path is None or not self._coverage.enters(path, name):
            if branch:
                self._coverage.drop(branch)
            return
        if branch:
            self._coverage.branches.attach(branch, parent, name)
            self._paths.clear()
        if len(self._walks) < _MOST_WALKS:
            self._walks.append(self._walk_new(parent, name, moved=moved))
        elif len(self._walks) == _MOST_WALKS:
            self._walks.append(self._walk_again())

    def _walk_again(self) -> Iterator[object]:
        """Walk the root once more, from what is there and not from what was heard, and tell of all of it."""
        coverage = self._coverage
        left = coverage.branches.watches()
        for branch in coverage.walk(None, "", again=True):
            if branch:
                left.discard(branch.wd)
            yield branch
        for wd in left:
            stale = coverage.branches.get(wd)
            if stale:
                coverage.drop(stale)
            yield None
        self._hints.subtree("")

    def _put_in_order(self) -> None:
        """Walk the root once more when something was not where it was thought to be, after the last move.

        Events tell of directories by their names, and names may be given anew before an event is heard.
        """
        branches, now = self._coverage.branches, time.monotonic()
        if branches.jumbled:
            branches.jumbled = False
            self._order_at = now + _ORDER_AFTER
        elif self._order_at is not None and now >= self._order_at and not self._walks:
            self._order_at = None
            self._walks.append(self._walk_again())

    def _let_go(self) -> None:
        """Watch those no longer that have not arrived: they were moved out of the root."""
        late = time.monotonic() - _ARRIVES_IN
        for cookie, (branch, since) in list(self._leaving.items()):
            if since <= late:
                del self._leaving[cookie]
                if branch.parent is None:  # else a walk found it in the tree, before its event came
                    self._coverage.drop(branch)

    # -- files ---------------------------------------------------------------------------------------

    def _hear_file(self, branch: Branch, name: str, event: Event) -> None:
        mask = event.mask
        if mask & _FROM:
            if name.startswith(PREFIX):
                self._note_swap(name, event.cookie)
            return
        directory = self._path(branch)
        if directory is None:
            return
        place = (directory, name)
        if mask & _CLOSED and place in self._awaited:
            self._hints.closed(place)
        if mask & _WRITTEN:
            if not self._doubts.closed(place):
                self._tell(place)
        elif mask & _TO:
            self._hear_moved(place, event.cookie)
        elif mask & _CREATED:
            self._doubts.created(place)

    def _note_swap(self, name: str, cookie: int) -> None:
        says = SecondName.parse(name)
        if says:
            self._swapping[cookie] = says
            if len(self._swapping) > _MOST_MOVES:
                del self._swapping[next(iter(self._swapping))]

    def _hear_moved(self, place: Place, cookie: int) -> None:
        says = self._swapping.pop(cookie, None)
        if says:
            self._doubts.moved(place, says)
        elif place[1].startswith(PREFIX):
            self._doubts.created(place)
        else:
            self._tell(place)

    def _tell(self, place: Place) -> None:
        if self._selection.everything or self._selection.takes(*place):
            self._hints.file(place)

    def settle(self) -> None:
        """Ask the files that events left in doubt, and let go of directories that were moved away."""
        self._settle_files()
        if self._leaving:
            self._let_go()
        self._put_in_order()

    def _settle_files(self) -> None:
        for place in self._doubts.settle():
            self._tell(place)

    @property
    def doubtful(self) -> bool:
        """Whether there is anything to `settle`."""
        unsure = self._coverage.branches.jumbled or self._order_at is not None
        return bool(self._doubts or self._leaving or unsure) and not self._gone

    # -- readers ---------------------------------------------------------------------------------------

    def await_close(self, files: set[Place]) -> None:
        """Tell when somebody closes one of these, and only these."""
        self._awaited = files
        self._coverage.await_readers({directory for directory, _ in files})
