"""Items to come back to: left alone for a reason that passes, each with the time of its next try."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

from cscd.files.outcome import Result

#: More than anybody's open files. Beyond it items are reported and left to the next pass.
MOST: Final = 10_000
#: Seconds until the first try after an item was found open, the factor from try to try, the longest wait.
_FIRST_WAIT: Final = 0.5
_FACTOR: Final = 2.0
_LONGEST: Final = 30.0
#: Seconds after its holder closed it; the kernel announces a close a little before it is complete.
_AFTER_CLOSE: Final = 0.005

#: Directory relative to the root, and name in it.
Place = tuple[str, str]


@dataclass(slots=True)
class Pending:
    """One item that is waiting."""

    result: Result
    """Of the last try."""
    wait: float
    """Seconds to the next try, should this one fail."""
    due: float
    """Monotonic time of the next try; infinite while it is being tried."""


class PendingItems:
    """The items of a pass that are waiting for another try."""

    def __init__(self) -> None:
        self._items: dict[Place, Pending] = {}
        self._queue: list[tuple[float, Place]] = []
        """A heap of due times. Entries whose time is not the item's any more are stale and skipped."""

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, place: Place) -> bool:
        return place in self._items

    def items(self) -> Iterator[tuple[Place, Pending]]:
        """Yield all that are waiting."""
        return iter(self._items.items())

    def put(self, place: Place, result: Result, now: float) -> bool:
        """Have an item wait for its next try; False if there are too many already."""
        item = self._items.get(place)
        if item is None:
            if len(self._items) >= MOST:
                return False
            item = self._items[place] = Pending(result, _FIRST_WAIT, 0.0)
        item.result = result
        # Jitter keeps the tries of items that met the same obstacle from coming all at once.
        self._schedule(place, item, now + item.wait * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load only
        item.wait = min(item.wait * _FACTOR, _LONGEST)
        return True

    def drop(self, place: Place) -> None:
        """Forget an item that has been dealt with."""
        self._items.pop(place, None)

    def closed(self, place: Place, now: float) -> None:
        """Try an item at once: somebody has closed it. Should that be too early, soon after again."""
        item = self._items.get(place)
        if item and item.due > now + _AFTER_CLOSE:
            item.wait = _AFTER_CLOSE
            self._schedule(place, item, now + _AFTER_CLOSE)

    def take_due(self, now: float) -> list[tuple[Place, int]]:
        """Return the places and sizes of the items whose time has come; they wait for `put` or `drop`."""
        due: list[tuple[Place, int]] = []
        while self._queue and self._queue[0][0] <= now:
            at, place = heappop(self._queue)
            item = self._items.get(place)
            if item and item.due == at:
                item.due = float("inf")
                due.append((place, item.result.size))
        return due

    def take_all(self) -> list[tuple[Place, int]]:
        """Return the places and sizes of all that wait, for a last try."""
        return self.take_due(float("inf"))

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
