"""Items told as they come, in a pass that is not to be slowed by it: bounded in rate and number.

So much is told at once, and so much a second. What is over waits; of what waits too long the oldest is not
told at all, so that what is missing is missing from the middle, and the last items are always told. Items are
numbered before that: a gap says how many.
"""

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cscd.worker.keeping.reports import Said, Word

#: What is told: so much at once, so much a second, counted as the daemon does (`cscd.daemon.work.link`),
#: which gives a worker up at 20,000 at once and 2,000 a second for everything together.
_BURST: Final = 1_000.0
_RATE: Final = 500.0
#: What may wait, in the same measure; it is what is told at once at the end.
_WAITING: Final = 1_000.0
#: Of a message beside its path, in KiB.
_FRAME: Final = 0.125


@dataclass(slots=True, eq=False)
class _Entry:
    """What waits to be told of one item."""

    number: int
    path: str
    begins: bool
    reason: str | None
    """What its end says; None if that has not come."""
    each: float = field(init=False)
    """What one message of it costs."""

    def __post_init__(self) -> None:
        """Count it: json writes what is not ASCII in up to six characters for each."""
        self.each = 1 + _FRAME + len(json.dumps(self.path)) / 1024

    @property
    def words(self) -> tuple[Word, ...]:
        """What is to be said."""
        begins = (Word(self.number, self.path),) if self.begins else ()
        return (*begins, Word(self.number, self.path, self.reason)) if self.reason is not None else begins

    @property
    def cost(self) -> float:
        """What it costs to say it."""
        return self.each * (self.begins + (self.reason is not None))


class Announcements:
    """What one pass tells of its items."""

    def __init__(self, send: Callable[[Said], None], ticks: Callable[[], float] = time.monotonic) -> None:
        """Tell over `send`; `ticks` gives seconds that never go back."""
        self._send = send
        self._ticks = ticks
        self._credit = _BURST
        self._counted = ticks()
        self._waiting: deque[_Entry] = deque()
        self._cost = 0.0
        """Of all that waits."""
        self._numbers = 0
        self._open: dict[str, _Entry] = {}
        """Items that have begun, each as it was first noted."""

    def begun(self, path: str) -> bool:
        """Whether an item has begun of which no end has come."""
        return path in self._open

    def begins(self, path: str) -> None:
        """Tell that an item is being converted; once for each."""
        if path not in self._open:
            entry = self._open[path] = _Entry(self._next(), path, begins=True, reason=None)
            self._put(entry)

    def ends(self, path: str, reason: str) -> None:
        """Tell what came of an item, and before that its beginning if that has not been told."""
        before = self._open.pop(path, None)
        if before is None:
            self._put(_Entry(self._next(), path, begins=True, reason=reason))
        elif before in self._waiting:
            self._cost -= before.cost
            before.reason = reason
            self._cost += before.cost
            self._drop()
        else:
            self._put(_Entry(before.number, path, begins=not before.begins, reason=reason))

    def trickle(self) -> None:
        """Tell as much as may be told by now."""
        now = self._ticks()
        self._credit = min(_BURST, self._credit + (now - self._counted) * _RATE)
        self._counted = now
        words: list[Word] = []
        while self._waiting and self._waiting[0].cost <= self._credit:
            entry = self._waiting.popleft()
            self._cost -= entry.cost
            self._credit -= entry.cost
            words += entry.words
        if words:
            self._send(Said(tuple(words)))

    def finish(self) -> None:
        """Tell the last ones."""
        words = [word for entry in self._waiting for word in entry.words]
        self._waiting.clear()
        self._cost = 0.0
        if words:
            self._send(Said(tuple(words)))

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers

    def _put(self, entry: _Entry) -> None:
        self._waiting.append(entry)
        self._cost += entry.cost
        self._drop()

    def _drop(self) -> None:
        """Forget the oldest where too much waits; never the end of an item whose beginning was told."""
        if self._cost > _WAITING:
            self.trickle()
        while self._cost > _WAITING:
            oldest = next((entry for entry in self._waiting if entry.begins), None)
            if oldest is None or oldest is self._waiting[-1]:
                return
            self._waiting.remove(oldest)
            self._cost -= oldest.cost
            if oldest.path in self._open:
                oldest.begins = False  # it was not told: its end will tell both
