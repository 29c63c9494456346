"""How fast a pass is lately, and how long it will take."""

from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

_WINDOW: Final = 5.0
"""Seconds that the rate is taken over: long enough to be read, short enough to follow."""
_ENOUGH: Final = 1.0
"""Seconds after which there is a rate worth telling."""


class Amounts(Protocol):
    """How far a pass is; see `cscd.worker.passes.tally.Tally`, which is one, for each number."""

    @property
    def finished(self) -> int:
        """Items dealt with."""

    @property
    def found(self) -> int:
        """Items found so far."""

    @property
    def converted(self) -> int:
        """Of those dealt with, items that had to be read."""

    @property
    def read_bytes(self) -> int:
        """Bytes read, or that need not be."""

    @property
    def found_bytes(self) -> int:
        """Bytes of the items found so far."""


@dataclass(frozen=True, slots=True)
class _Sample:
    """What was done at one moment."""

    at: float
    read: int
    finished: int


class Pace:
    """The pace of one pass; times are monotonic, in seconds."""

    def __init__(self, begun: float) -> None:
        self._samples: deque[_Sample] = deque([_Sample(begun, 0, 0)])

    def note(self, now: float, amounts: Amounts) -> None:
        """Note how far the pass is."""
        self._samples.append(_Sample(now, amounts.read_bytes, amounts.finished))
        while len(self._samples) > 1 and now - self._samples[1].at > _WINDOW:
            self._samples.popleft()

    def rate(self) -> float:
        """Return the bytes read per second lately, 0 as long as that cannot be told."""
        first, last = self._samples[0], self._samples[-1]
        return (last.read - first.read) / self._span() if self._span() else 0.0

    def time_left(self, amounts: Amounts) -> float:
        """Estimate the seconds to the end of what has been found, 0 as long as that cannot be told.

        Large items keep a pass busy by their bytes, small ones by their number, and it is not known which
        are still to come: the longer one of the two estimates is given.
        """
        first, last = self._samples[0], self._samples[-1]
        # Items that turn out right are not read; the rest are taken to have as many of them.
        share = amounts.converted / amounts.finished if amounts.finished else 1.0
        unread = max(0, amounts.found_bytes - amounts.read_bytes) * share
        unfinished = max(0, amounts.found - amounts.finished)
        return max(
            self._time(unread, last.read - first.read), self._time(unfinished, last.finished - first.finished)
        )

    def _time(self, rest: float, done: int) -> float:
        return rest * self._span() / done if done else 0.0

    def _span(self) -> float:
        """Return the seconds that the samples span, 0 while they are too few."""
        span = self._samples[-1].at - self._samples[0].at
        return span if span >= _ENOUGH else 0.0
