"""How long to wait before a worker that failed is started again, and when not to try any more."""

from typing import Final

_FIRST: Final = 1.0
_LONGEST: Final = 300.0
_MOST: Final = 10
"""Failures one after the other, without a pass that came to its end: some 17 minutes of trying."""


class Pauses:
    """The failures of one user's worker since it last did its work."""

    def __init__(self) -> None:
        self.failures = 0
        self.pause = 0.0
        """Seconds to wait before the next start, 0 where none is due."""
        self.given_up = False
        """Whether nobody tries again before the next logon."""

    def fail(self) -> float:
        """Count a failure and return the seconds until the next start."""
        self.pause = min(_LONGEST, _FIRST * 2.0**self.failures)
        self.failures += 1
        self.given_up = self.given_up or self.failures >= _MOST
        return self.pause

    def give_up(self) -> None:
        """Do not try again: what is wrong does not mend itself."""
        self.given_up = True

    def forget(self) -> None:
        """Begin anew: the worker has done its work, or the user has logged on again."""
        self.failures, self.pause, self.given_up = 0, 0.0, False
