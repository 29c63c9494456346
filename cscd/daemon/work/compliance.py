"""Whether a user's items are all in the cache-wide state, as far as anybody knows."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from cscd.daemon.state.records import MOST_NUMBER, Counts, PassRecord
from cscd.files.goal import State
from cscd.files.outcome import Lasting, Reason
from cscd.worker.messages import PassEnded, ReasonCount, Standing

_FINE: Final = frozenset(reason.value for reason in Reason if reason.lasting is Lasting.FINE)
"""Why an item is left alone that holds nothing to convert."""


_KNOWN: Final = frozenset(reason.value for reason in Reason)
_OTHER: Final = Reason.IO_ERROR.value
"""For what has no name that is known here."""


def partial(state: State, last: PassRecord | None, unright: Counts) -> bool:
    """Return whether some item is not in the state, or is not known to be.

    Args:
        state: the cache-wide state.
        last: the last pass over everything, None if there was none.
        unright: items that were not in the state when last looked at, by reason.
    """
    known = last is not None and last.goal is state and last.complete and not last.error
    return not known or any(unright.values())


def left(report: PassEnded) -> Counts:
    """Return what a pass over everything left that is not right, by reason."""
    return _counts(each for each in report.reasons if each.reason not in _FINE)


def unright(standing: Standing) -> Counts:
    """Return what is not right by what a worker says, by reason."""
    return _counts((*standing.pending, *standing.failed))


def _counts(said: Iterable[ReasonCount]) -> Counts:
    """Return counts that can be remembered: of known reasons, whatever a worker calls them."""
    counts: Counter[str] = Counter()
    for each in said:
        reason = each.reason if each.reason in _KNOWN else _OTHER
        counts[reason] = min(MOST_NUMBER, counts[reason] + each.count)
    return counts
