"""A pass under way, and what is kept of one that has ended."""

import time
from dataclasses import dataclass
from typing import Final

from cscd.daemon.records import PassRecord
from cscd.events.fields import ReasonCount
from cscd.events.passes import PassCompleted, PassFailed, PassStopped
from cscd.files.goal import State
from cscd.worker.messages import PassEnded, PassProgress, Scope

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
    progress: PassProgress | None = None
    stopped_for: str = ""
    """Why it was told to stop, as `pass_stopped` says it; "" if it was not."""

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
