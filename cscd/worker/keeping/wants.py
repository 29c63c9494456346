"""The passes that a worker wants, each asked for once until it is given."""

from math import inf
from typing import Final, Literal

from cscd.worker.messages import Scope, WantPass

Trigger = Literal["new_items", "retry", "watch_degraded", "root_found"]

#: Seconds for which to wait whether more comes, so that a burst is one pass.
_GATHER: Final = 0.03


class Wants:
    """What is wanted of the daemon, and what it has been asked for."""

    def __init__(self) -> None:
        self._everything: Trigger | None = None
        self._found: Trigger = "new_items"
        self._found_at = inf
        self._asked: set[Scope] = set()

    def everything(self, trigger: Trigger) -> None:
        """Want a pass over all roots."""
        self._everything = self._everything or trigger

    def found(self, trigger: Trigger, now: float) -> None:
        """Want a pass over what is known to be looked at, soon."""
        if self._found_at == inf:
            self._found = trigger
            self._found_at = now + _GATHER

    def found_nothing(self) -> None:
        """Note that nothing is known any more that is to be looked at."""
        self._found_at = inf

    def begun(self, scope: Scope) -> None:
        """Note that a pass begins: what is wanted from now on is another one."""
        self._asked.discard(scope)
        self._found_at = inf
        if scope == "all":
            self._asked.clear()
            self._everything = None

    def repeat(self) -> None:
        """Ask once more for what is still wanted: the start of a pass may have crossed the question."""
        self._asked.clear()

    def take_due(self, now: float, items: int) -> WantPass | None:
        """Return what to ask for now; `items` is how many are known to be looked at."""
        if self._everything and "all" not in self._asked:
            self._asked.add("all")
            return WantPass(trigger=self._everything, scope="all", items=0)
        if self._found_at <= now and not self._asked:
            self._asked.add("found")
            return WantPass(trigger=self._found, scope="found", items=items)
        return None

    @property
    def due(self) -> float:
        """The monotonic time at which something is to be asked for, infinite if nothing is."""
        if self._everything and "all" not in self._asked:
            return -inf
        return inf if self._asked else self._found_at
