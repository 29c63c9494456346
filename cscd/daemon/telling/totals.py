"""What the service has done since it began, counted: for its metrics.

All counts only grow. What a worker names is counted under its name only if that is a known one: a user must
not be able to fill a monitoring system with names.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cscd.files.goal import State
from cscd.worker.messages import PassEnded

OTHER: Final = "other"
"""For what has no name that is known here."""

RESULTS: Final = ("right", "partial", "stopped", "failed")
"""How a pass may end: everything right, something not, stopped before its end, not to be done."""

WORKER_FAILURES: Final = ("exited", "killed", "hung", "flooded", "malformed", "out_of_memory", "not_confined")
"""The reasons of the event worker_failed."""

WATCH_FAILURES: Final = ("overflow", "limit", "died", "unsupported")
"""The reasons of the event watch_degraded."""


@dataclass(slots=True)
class Totals:
    """The counts."""

    passes: Counter[str] = field(default_factory=Counter)
    """By result."""
    pass_seconds: float = 0.0
    items: Counter[State] = field(default_factory=Counter)
    """Items converted, by the state that they were brought into."""
    bytes: Counter[State] = field(default_factory=Counter)
    """Their bytes of content."""
    worker_failures: Counter[str] = field(default_factory=Counter)
    """By reason."""
    watch_failures: Counter[str] = field(default_factory=Counter)
    """By reason."""

    def pass_ended(self, goal: State, ended: PassEnded) -> None:
        """Count a pass that has ended."""
        self.passes[_result(ended)] += 1
        self.pass_seconds += ended.seconds
        self.items[goal] += ended.converted
        self.bytes[goal] += ended.converted_bytes

    def worker_failed(self, reason: str) -> None:
        """Count a worker that died, hung or misbehaved."""
        self.worker_failures[_known(reason, WORKER_FAILURES)] += 1

    def watch_degraded(self, reason: str) -> None:
        """Count a watch that may have missed something."""
        self.watch_failures[_known(reason, WATCH_FAILURES)] += 1

    def copy(self) -> "Totals":
        """Return the counts of this moment, for another thread."""
        return Totals(
            self.passes.copy(),
            self.pass_seconds,
            self.items.copy(),
            self.bytes.copy(),
            self.worker_failures.copy(),
            self.watch_failures.copy(),
        )


def _result(ended: PassEnded) -> str:
    if ended.error:
        return "failed"
    if ended.stopped:
        return "stopped"
    return "partial" if ended.partial else "right"


def _known(name: str, names: Iterable[str]) -> str:
    return name if name in names else OTHER
