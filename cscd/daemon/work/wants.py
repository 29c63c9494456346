"""What a user's items need next: a pass over everything, or one over what the worker has found.

A want stays until a pass for it starts. A pass over everything also serves what was found, so that it is
chosen first when its turn has come. It waits for that turn; a small pass over what was found does not, for a
new item shall not stay in the wrong state until a hundred other users' caches have been walked.
"""

from collections.abc import Callable
from typing import Final

from cscd.daemon.work.turns import Turn, Turns
from cscd.worker.messages import Scope, WantPass

Wake = Callable[[], None]

_SMALL_ITEMS: Final = 512
_SMALL_BYTES: Final = 64 << 20
"""A pass of so many items and bytes is done within a second or two and needs no turn."""


class Wants:
    """The wants of one user."""

    def __init__(self, turns: Turns) -> None:
        """Take turns when they are needed."""
        self._turns = turns
        self._turn: Turn | None = None
        self._used = False
        """Whether the pass under way is the one that the turn was for."""
        self.everything = ""
        """Why a pass over everything is wanted, as `pass_started` says it; "" if it is not."""

    def want(self, trigger: str) -> None:
        """Want a pass over everything; the first reason is the one that is told."""
        self.everything = self.everything or trigger

    def forget(self) -> None:
        """Want nothing any more."""
        self.everything = ""
        self.give_back()

    def choose(self, found: WantPass | None, wake: Wake) -> tuple[Scope, str] | None:
        """Return the scope and the trigger of the pass to start now, None if there is none.

        `found` is what the worker asks for. `wake` is called when a turn has come that this waits for.
        """
        if found and found.scope == "all":
            self.want(found.trigger)
            found = None
        if not self.everything and not found:
            self.give_back()
            return None
        large = found is not None and (found.items > _SMALL_ITEMS or found.bytes > _SMALL_BYTES)
        if (self.everything or large) and self._has_turn(wake):
            self._used = True
            trigger = self.everything or (found.trigger if found else "")
            return ("all" if self.everything else "found"), trigger
        if found and not large:
            return "found", found.trigger
        return None

    def started(self, scope: Scope) -> None:
        """Note that a pass has started."""
        if scope == "all":
            self.everything = ""

    def ended(self) -> None:
        """Note that it has ended: its turn is over, while the place of another pass that waits is kept."""
        if self._used:
            self.give_back()

    def give_back(self) -> None:
        """Give the turn back, or the place of one that has not come."""
        self._used = False
        if self._turn:
            self._turn.give_back()
            self._turn = None

    @property
    def has_turn(self) -> bool:
        """Whether the turn has come, and is not over."""
        return self._turn is not None and self._turn.granted

    @property
    def waiting(self) -> bool:
        """Whether a turn is waited for."""
        return self._turn is not None and not self._turn.granted

    def _has_turn(self, wake: Wake) -> bool:
        if self._turn is None:
            self._turn = self._turns.ask(wake)
        return self._turn.granted
