"""How soon the passes that a worker asks for may follow each other.

A worker that behaves gathers what it finds and asks a few times a second at most. One that does not could
have passes begin and end as fast as messages go, each with its lines, its keys and its record. So they have a
reserve, which fills with time; what has to wait is found by the next one.
"""

import time
from collections.abc import Callable
from typing import Final

_BURST: Final = 20.0
"""Passes without a pause."""
_RATE: Final = 2.0
"""Passes a second, in the long run: a new item waits for half a second of its one at most."""


class Pace:
    """The reserve of one user; it outlives the user's workers."""

    def __init__(self, ticks: Callable[[], float] = time.monotonic) -> None:
        """Begin with a full one; `ticks` gives seconds that never go back."""
        self._ticks = ticks
        self._left = _BURST
        self._filled = ticks()

    def take(self) -> None:
        """Take one pass out of it; there may be none left."""
        self._fill()
        self._left = max(0.0, self._left - 1.0)

    def wait(self) -> float:
        """Return the seconds until there is one, 0 if there is."""
        self._fill()
        return max(0.0, (1.0 - self._left) / _RATE)

    def _fill(self) -> None:
        now = self._ticks()
        self._left = min(_BURST, self._left + (now - self._filled) * _RATE)
        self._filled = now
