"""The watch in the resident's hands: begun for the roots that are there, and what it tells taken in."""

import time
from collections.abc import Callable, Sequence
from math import inf

from cscd.files.tree import Tree
from cscd.worker.keeping.charge import Charge
from cscd.worker.passes.places import Places
from cscd.worker.passes.selection import Selection
from cscd.worker.watch.lookout import Lookout
from cscd.worker.watch.noticed import Closed, Degraded, Files, Noticed, RootGone, Subtree, Watching


class Vigil:
    """Sees new items in the roots that are there."""

    def __init__(self, gone: Callable[[Charge], None]) -> None:
        """Watch nothing yet; `gone` is called for a root that is not there any more."""
        self._gone = gone
        self._lookout: Lookout | None = None
        self._charges: tuple[Charge, ...] = ()
        """The roots that are watched, in the order that their numbers come from."""
        self._awaited: set[tuple[int, str, str]] = set()
        self._started = -inf

    def fileno(self) -> int:
        """Return the descriptor to wait for, -1 if there is none at the moment."""
        return self._lookout.fileno() if self._lookout else -1

    def watch(self, trees: Sequence[tuple[Charge, Tree]], selection: Selection) -> None:
        """Watch these roots from now on; the trees stay the caller's to close."""
        before = self._lookout
        self._lookout = None
        if trees:
            self._lookout = Lookout([tree for _, tree in trees], selection)
            self._started = time.monotonic()
        if before:
            before.close()  # after the new one has begun: twice seen is nothing, not seen is a loss
        self._awaited = set()
        self._charges = tuple(charge for charge, _ in trees)
        for charge in self._charges:
            charge.watch_anew()

    @property
    def settled_by(self) -> float:
        """The monotonic time at which the watch was begun, infinitely long ago if it sees everything."""
        if all(charge.watch_settled for charge in self._charges):
            return -inf
        return self._started

    @property
    def due(self) -> float:
        """The monotonic time at which `work` is to be called; infinite while nothing happens."""
        return self._lookout.due if self._lookout else inf

    def heard(self) -> None:
        """Note that the descriptor can be read."""
        if self._lookout:
            self._lookout.heard()

    def work(self, now: float) -> bool:
        """Do what is due for the watch, and take in what it tells; returns whether it told anything."""
        if self._lookout is None or self._lookout.due > now:
            return False
        told = self._lookout.turn(now)
        for noticed in told:
            self._take(self._charges[noticed.root], noticed)
        return bool(told)

    def _take(self, charge: Charge, noticed: Noticed) -> None:
        match noticed:
            case Files(places=places):
                charge.backlog.add(Places(places))
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

    def await_close(self) -> None:
        """Be told when somebody closes an item that waits for it."""
        if self._lookout is None:
            return
        awaited: set[tuple[int, str, str]] = set()
        for number, charge in enumerate(self._charges):
            awaited.update((number, *place) for place in charge.standing.awaited())
        if awaited != self._awaited:
            self._awaited = awaited
            self._lookout.await_close(awaited)

    def close(self) -> None:
        """Watch nothing any more."""
        if self._lookout:
            self._lookout.close()
        self._lookout = None
