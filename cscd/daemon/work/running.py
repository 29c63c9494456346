"""A pass under way, and what is kept of one that has ended."""

import time
from dataclasses import dataclass, field
from typing import Final

from cscd.daemon.state.records import PassRecord
from cscd.events.fields import ReasonCount
from cscd.events.passes import PassCompleted, PassFailed, PassStopped
from cscd.files.goal import State
from cscd.worker.messages import PassEnded, PassProgress, Scope

STALLED: Final = 120.0
"""Seconds in which a pass has to come on, if others wait for its turn: items, or bytes of a large one."""
LONGEST_TURN: Final = 900.0
"""Seconds that a pass may have while others wait for its turn; what it has done need not be done again."""
_MAKES_WAY: Final = ("turn_over", "call")
_DIED: Final = "worker_failed"
"""What `pass_stopped` says of a pass that ended with its process."""


@dataclass(slots=True)
class Running:
    """A pass that a worker was told to start and that has not ended."""

    pass_id: str
    trigger: str
    scope: Scope
    goal: State
    began: float
    """Seconds since 1970."""
    lent: bool = False
    """Whether it has the user's identities."""
    progress: PassProgress | None = None
    stopped_for: str = ""
    """Why it was told to stop, as `pass_stopped` says it; "" if it was not."""
    _since: float = field(default_factory=time.monotonic)
    _moved: float = field(default_factory=time.monotonic)
    """Monotonic times of the start, and of the last sign that it comes on."""

    def go_on(self, progress: PassProgress, now: float) -> None:
        """Take how far it has come."""
        if progress != self.progress:
            self._moved = now
        self.progress = progress

    def overdue(self, now: float) -> bool:
        """Whether it has had its time, or does not come on."""
        return now - self._since >= LONGEST_TURN or now - self._moved >= STALLED

    @property
    def makes_way(self) -> bool:
        """Whether it was stopped for others who wait, and is still to be done."""
        return self.stopped_for in _MAKES_WAY

    def event(self, report: PassEnded) -> PassCompleted | PassStopped | PassFailed:
        """Return the event that tells of its end."""
        if report.error == "died":
            return _stopped(report, _DIED)
        if report.error:
            return PassFailed(reason=report.error, errno=report.errno, detail=report.detail)
        if report.stopped:
            return _stopped(report, self.stopped_for or "cancelled")
        return PassCompleted(
            goal=self.goal.value,
            partial=report.partial,
            converted=report.converted,
            bytes=report.converted_bytes,
            right=report.right,
            left=sum(each.count for each in report.reasons),
            pending=report.pending,
            failed=report.failed,
            reasons=tuple(ReasonCount(reason=each.reason, count=each.count) for each in report.reasons),
            seconds=report.seconds,
        )

    def record(self, report: PassEnded) -> PassRecord:
        """Return what is kept of it."""
        return PassRecord(
            pass_id=self.pass_id,
            trigger=self.trigger,
            scope=self.scope,
            goal=self.goal,
            ended=time.time(),
            seconds=report.seconds,
            complete=report.complete,
            partial=report.partial,
            stopped=report.stopped,
            converted=report.converted,
            converted_bytes=report.converted_bytes,
            right=report.right,
            right_bytes=report.right_bytes,
            pending=report.pending,
            failed=report.failed,
            untouched=report.untouched,
            other_key=report.other_key,
            error=report.error,
            reasons={each.reason: each.count for each in report.reasons},
        )


def _stopped(report: PassEnded, reason: str) -> PassStopped:
    return PassStopped(
        reason=reason, converted=report.converted, untouched=report.untouched, seconds=report.seconds
    )
