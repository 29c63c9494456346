"""Items to come back to: left alone for a reason that passes, each with the time of its next try."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from typing import Final

from cscd.files.outcome import Result
from cscd.worker.passes.places import Place

#: More than anybody's open files. Beyond it items are reported and left to the next pass.
MOST: Final = 10_000
#: The factor from wait to wait.
_FACTOR: Final = 2.0
#: Seconds after its holder closed it; the kernel announces a close a little before it is complete.
_AFTER_CLOSE: Final = 0.005
#: Seconds between two tries because of closes: a file that is opened and closed all the time is no news.
_AFTER_CLOSES: Final = 0.25


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait between two tries, in seconds; each wait is twice as long as the one before."""

    first: float = 0.5
    longest: float = 30.0
    jitter: float = 0.5
    """The share of each wait that chance may take off: items that met the same obstacle part that way."""

    def spread(self, wait: float) -> float:
        """Return a wait with chance in it."""
        return wait * random.uniform(1.0 - self.jitter, 1.0)  # noqa: S311 - spreads load only


@dataclass(slots=True)
class Pending:
    """One item that is waiting."""

    result: Result
    """Of the last try."""
    wait: float
    """Seconds to the next try, should this one fail."""
    due: float
    """Monotonic time of the next try; infinite while it is being tried."""
    since: float
    """Monotonic time of the first try."""
    tries: int = 0
    hasty: bool = False
    """The next try is because of a close; should it be too early, there is another one soon."""
    calm_at: float = -inf
    """Monotonic time from which on a close brings the next try forward at once."""


class PendingItems:
    """Items of one tree that are waiting for another try."""

    def __init__(self, backoff: Backoff | None = None) -> None:
        self.backoff = backoff or Backoff()
        self._items: dict[Place, Pending] = {}
        self._queue: list[tuple[float, Place]] = []
        """A heap of due times. Entries whose time is not the item's any more are stale and skipped."""

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, place: Place) -> bool:
        return place in self._items

    def get(self, place: Place) -> Pending | None:
        """Return what is known of an item, None if it is not waiting."""
        return self._items.get(place)

    def items(self) -> Iterator[tuple[Place, Pending]]:
        """Yield all that are waiting."""
        return iter(self._items.items())

    def put(self, place: Place, result: Result, now: float) -> bool:
        """Have an item wait for its next try; False if there are too many already."""
        item = self._items.get(place)
        if item is None:
            if len(self._items) >= MOST:
                return False
            item = self._items[place] = Pending(result, self.backoff.first, 0.0, now)
        item.result = result
        item.tries += 1
        if item.hasty:
            item.hasty = False
            self._schedule(place, item, now + 2 * _AFTER_CLOSE)
            return True
        self._schedule(place, item, now + self.backoff.spread(item.wait))
        item.wait = min(item.wait * _FACTOR, self.backoff.longest)
        return True

    def drop(self, place: Place) -> None:
        """Forget an item that has been dealt with."""
        self._items.pop(place, None)

    def closed(self, place: Place, now: float) -> None:
        """Try an item at once: somebody has closed it. Should that be too early, soon after again."""
        item = self._items.get(place)
        if item is None:
            return
        at = max(now + _AFTER_CLOSE, item.calm_at)
        if at < item.due:
            item.hasty = True
            item.calm_at = at + _AFTER_CLOSES
            self._schedule(place, item, at)

    def take_due(self, now: float) -> list[tuple[Place, int]]:
        """Return the places and sizes of the items whose time has come; they wait for `put` or `drop`."""
        due: list[tuple[Place, int]] = []
        while self._queue and self._queue[0][0] <= now:
            at, place = heappop(self._queue)
            item = self._items.get(place)
            if item and item.due == at:
                item.due = inf
                due.append((place, item.result.size))
        return due

    def take_all(self) -> list[tuple[Place, int]]:
        """Return the places and sizes of all that wait, for a last try."""
        return self.take_due(inf)

    def next_due(self) -> float | None:
        """Return the monotonic time of the next try, None if nothing waits."""
        while self._queue:
            at, place = self._queue[0]
            item = self._items.get(place)
            if item and item.due == at:
                return at
            heappop(self._queue)
        return None

    def _schedule(self, place: Place, item: Pending, at: float) -> None:
        item.due = at
        heappush(self._queue, (at, place))
