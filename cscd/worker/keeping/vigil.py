"""The watcher process in the resident's hands: started, read, and started anew when it dies."""

import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Final

from cscd.files.tree import Tree
from cscd.worker.keeping.charge import Charge
from cscd.worker.passes.pending import Backoff
from cscd.worker.passes.places import Places
from cscd.worker.passes.selection import Selection
from cscd.worker.watch.noticed import Closed, Degraded, Files, Noticed, RootGone, Subtree, Watching
from cscd.worker.watch.watcher import Watcher

#: Seconds until a watcher that died is started anew.
_RESTART: Final = Backoff(1.0, 60.0, 0.2)
#: Seconds after which a watcher that dies is taken for a new trouble.
_SOUND: Final = 60.0


class Vigil:
    """Sees new items in the roots that are there."""

    def __init__(self, gone: Callable[[Charge], None]) -> None:
        """Watch nothing yet; `gone` is called for a root that is not there any more."""
        self._gone = gone
        self._watcher: Watcher | None = None
        self._charges: tuple[Charge, ...] = ()
        """The roots that are watched, in the order that their numbers come from."""
        self._awaited: set[tuple[int, str, str]] = set()
        self._started = -inf
        self._wait = 0.0
        self.restart_at = inf
        """Monotonic time at which it is to be started anew."""

    def fileno(self) -> int:
        """Return the descriptor of what the watcher tells, -1 if there is no watcher."""
        return self._watcher.pipe.fileno() if self._watcher else -1

    def watch(self, trees: Sequence[tuple[Charge, Tree]], selection: Selection) -> None:
        """Watch these roots from now on. No thread may be running."""
        self.restart_at = inf
        before = self._watcher
        self._watcher = None
        if trees:
            self._watcher = Watcher([tree for _, tree in trees], selection)
            self._started = time.monotonic()
        if before:
            before.close()  # after the new one has begun: twice seen is nothing, not seen is a loss
        self._awaited = set()
        self._charges = tuple(charge for charge, _ in trees)
        for charge in self._charges:
            charge.watch_anew()

    @property
    def settled_by(self) -> float:
        """The monotonic time at which the watcher was started, infinitely long ago if it sees everything."""
        if all(charge.watch_settled for charge in self._charges):
            return -inf
        return self._started

    def read(self) -> None:
        """Take in what the watcher has noticed."""
        watcher = self._watcher
        if watcher is None:
            return
        for seen in watcher.noticed():
            self._take(self._charges[seen.root], seen)
        if not watcher.alive:
            self._died()

    def _take(self, charge: Charge, seen: Noticed) -> None:
        match seen:
            case Files(places=places):
                charge.backlog.add(Places(tuple(places)))
            case Subtree(directory=directory):
                charge.backlog.add(Places(subtrees=(directory,)))
            case Closed(places=places):
                for place in places:
                    charge.standing.closed(place)
            case Degraded(reason=reason, unwatched=unwatched):
                charge.degraded(reason, unwatched)
            case Watching(directories=directories):
                charge.watched(directories)
            case RootGone():
                self._gone(charge)

    def _died(self) -> None:
        now = time.monotonic()
        if now - self._started > _SOUND:
            self._wait = 0.0
        self._wait = min(2 * self._wait or _RESTART.first, _RESTART.longest)
        self.restart_at = now + _RESTART.spread(self._wait)
        self.close()
        for charge in self._charges:
            charge.degraded("died", 0)

    def await_close(self) -> None:
        """Have the watcher tell when somebody closes an item that waits for it."""
        if self._watcher is None:
            return
        awaited: set[tuple[int, str, str]] = set()
        for number, charge in enumerate(self._charges):
            awaited.update((number, *place) for place in charge.standing.awaited())
        if awaited != self._awaited:
            self._awaited = awaited
            self._watcher.await_close(awaited)

    def close(self) -> None:
        """End the watcher."""
        if self._watcher:
            self._watcher.close()
        self._watcher = None
