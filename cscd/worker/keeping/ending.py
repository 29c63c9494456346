"""What came of a pass over one or several roots, as one message."""

from collections import Counter
from collections.abc import Sequence

from cscd.files.outcome import Lasting, Reason
from cscd.worker.keeping.reports import Error, Finished
from cscd.worker.messages import PassEnded, ReasonCount
from cscd.worker.passes.tally import Tally

#: Reasons in a message; there are fewer.
_MOST_REASONS = 64


def pass_ended(
    pass_id: str, finished: Sequence[Finished], *, stopped: bool, died: bool, unknown: bool, seconds: float
) -> PassEnded:
    """Sum up what was finished.

    `died` says that the pass process did not end by itself, `unknown` that some root was not there to be
    looked at though it may hold items.
    """
    tallies = [root.tally for root in finished]
    failed = next((root for root in finished if root.error), None)
    complete = not (failed or died or stopped) and all(tally.complete for tally in tallies)
    left = sum((tally.left for tally in tallies), Counter[Reason]())
    error: Error = failed.error if failed else "died" if died else ""
    return PassEnded(
        pass_id=pass_id,
        complete=complete,
        partial=not complete or unknown or any(tally.partial for tally in tallies),
        stopped=stopped,
        converted=_sum(tallies, "converted"),
        converted_bytes=_sum(tallies, "converted_bytes"),
        right=_sum(tallies, "right"),
        right_bytes=_sum(tallies, "right_bytes"),
        pending=_lasting(left, Lasting.BRIEF, Lasting.LOCKED),
        failed=_lasting(left, Lasting.STAYS),
        untouched=_sum(tallies, "untouched"),
        other_key=_sum(tallies, "other_key"),
        reasons=reason_counts(left),
        seconds=seconds,
        error=error,
        errno=failed.errno if failed else 0,
        detail=failed.detail if failed else "",
    )


def reason_counts(counts: Counter[Reason]) -> tuple[ReasonCount, ...]:
    """Return counts by reason as messages have them, the most frequent first."""
    most = counts.most_common(_MOST_REASONS)
    return tuple(ReasonCount(reason=str(reason), count=count) for reason, count in most if count)


def _sum(tallies: Sequence[Tally], name: str) -> int:
    return sum(getattr(tally, name) for tally in tallies)


def _lasting(left: Counter[Reason], *kinds: Lasting) -> int:
    return sum(count for reason, count in left.items() if reason.lasting in kinds)
