"""Wrong passphrases for one user's keys, counted: after some in a row there is a pause."""

from dataclasses import dataclass
from typing import Final

MOST: Final = 5
"""Wrong ones in a row."""
PAUSE: Final = 60.0
"""Seconds without another try after that many."""


@dataclass(slots=True)
class Tries:
    """The tries for one user's keys; times are monotonic, in seconds."""

    _wrong: int = 0
    _until: float = 0.0

    def wrong(self, now: float) -> None:
        """Count a wrong passphrase."""
        self._wrong += 1
        if self._wrong >= MOST:
            self._wrong = 0
            self._until = now + PAUSE

    def right(self) -> None:
        """Forget the wrong ones: whoever knows the passphrase has come."""
        self._wrong = 0
        self._until = 0.0

    def allowed(self, now: float) -> bool:
        """Whether another one may be tried."""
        return now >= self._until

    def unused(self, now: float) -> bool:
        """Whether nothing is counted."""
        return not self._wrong and self.allowed(now)
