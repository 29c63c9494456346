"""How fast a pass is lately, and how long it will take."""

from collections import deque
from dataclasses import dataclass
from typing import Final

from cscd.worker.tally import Tally

_WINDOW: Final = 5.0
"""Seconds that the rate is taken over: long enough to be read, short enough to follow."""
_ENOUGH: Final = 1.0
"""Seconds after which there is a rate worth telling."""


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

    def note(self, now: float, tally: Tally) -> None:
        """Note how far the pass is."""
        self._samples.append(_Sample(now, tally.read_bytes, tally.finished))
        while len(self._samples) > 1 and now - self._samples[1].at > _WINDOW:
            self._samples.popleft()

    def rate(self) -> float:
        """Return the bytes read per second lately, 0 as long as that cannot be told."""
        first, last = self._samples[0], self._samples[-1]
        return (last.read - first.read) / self._span() if self._span() else 0.0

    def time_left(self, tally: Tally) -> float:
        """Estimate the seconds to the end of what has been found, 0 as long as that cannot be told.

        Large items keep a pass busy by their bytes, small ones by their number, and it is not known which
        are still to come: the longer one of the two estimates is given.
        """
        first, last = self._samples[0], self._samples[-1]
        # Items that turn out right are not read; the rest are taken to have as many of them.
        share = tally.converted / tally.finished if tally.finished else 1.0
        unread = max(0, tally.found_bytes - tally.read_bytes) * share
        unfinished = max(0, tally.found - tally.finished)
        return max(
            self._time(unread, last.read - first.read), self._time(unfinished, last.finished - first.finished)
        )

    def _time(self, rest: float, done: int) -> float:
        return rest * self._span() / done if done else 0.0

    def _span(self) -> float:
        """Return the seconds that the samples span, 0 while they are too few."""
        span = self._samples[-1].at - self._samples[0].at
        return span if span >= _ENOUGH else 0.0
