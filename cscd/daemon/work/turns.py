"""Whose turn it is: only so many passes run at once, the others wait in the order in which they asked.

Passes ask at logon, so the order is that of the logons. Nothing here waits: whoever asks is called when its
turn comes, at once if nobody is before it.
"""

from collections import deque
from collections.abc import Callable


class Turn:
    """One place in the order, until it is given back."""

    __slots__ = ("_begin", "_turns", "granted")

    def __init__(self, turns: "Turns", begin: Callable[[], None]) -> None:
        self._turns = turns
        self._begin = begin
        self.granted = False
        """Whether it has come."""

    def grant(self) -> None:
        """Say that it has come."""
        self.granted = True
        self._begin()

    def give_back(self) -> None:
        """Make way for the next one, whether or not the turn had come; to be called once."""
        self._turns.end(self)


class Turns:
    """The order of all passes."""

    def __init__(self, most: int) -> None:
        """Let `most` passes run at once."""
        self._most = most
        self._running: set[Turn] = set()
        self._waiting: deque[Turn] = deque()

    @property
    def running(self) -> int:
        """Passes whose turn it is."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Passes that wait for theirs."""
        return len(self._waiting)

    def ask(self, begin: Callable[[], None]) -> Turn:
        """Take a place; `begin` is called when the turn has come, perhaps before this returns."""
        turn = Turn(self, begin)
        self._waiting.append(turn)
        self._grant()
        return turn

    def end(self, turn: Turn) -> None:
        """Take a turn or a place back."""
        if turn in self._running:
            self._running.remove(turn)
        elif turn in self._waiting:
            self._waiting.remove(turn)
        self._grant()

    def change(self, most: int) -> None:
        """Let another number run at once from now on; those that run too many are not stopped."""
        self._most = most
        self._grant()

    def _grant(self) -> None:
        while self._waiting and len(self._running) < self._most:
            turn = self._waiting.popleft()
            self._running.add(turn)
            turn.grant()
