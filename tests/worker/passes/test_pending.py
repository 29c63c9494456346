"""Items that wait for another try."""

from math import inf

from cscd.files.outcome import Outcome, Reason, Result
from cscd.worker.passes.pending import MOST, PendingItems

RESULT = Result(Outcome.LEFT, Reason.OPEN_ELSEWHERE, size=5)
ONE, TWO = ("directory", "one"), ("directory", "two")


def test_waits_grow_from_try_to_try() -> None:
    """Half a second first, then twice as long each time, never beyond half a minute, and never in step."""
    items = PendingItems()
    now = 0.0
    for longest in (0.5, 1, 2, 4, 8, 16, 30, 30, 30):
        assert items.put(ONE, RESULT, now)
        due = items.next_due()
        assert due is not None
        assert now + longest / 2 <= due <= now + longest
        assert items.take_due(due - 0.001) == []
        assert items.take_due(due) == [(ONE, 5)]
        assert items.next_due() is None
        assert ONE in items
        now = due
    items.drop(ONE)
    assert ONE not in items
    assert len(items) == 0


def test_a_close_brings_the_next_try_forward() -> None:
    """The item is due almost at once, and soon after again in case the announcement was early."""
    items = PendingItems()
    items.put(ONE, RESULT, 0)
    items.put(TWO, RESULT, 0)
    items.closed(ONE, 0.1)
    items.closed(("directory", "unknown"), 0.1)
    due = items.next_due()
    assert due is not None
    assert due < 0.2
    assert items.take_due(due) == [(ONE, 5)]
    items.put(ONE, RESULT, due)
    again = items.next_due()
    assert again is not None
    assert again < due + 0.02


def test_what_is_being_tried_is_not_due() -> None:
    """Between the try and its result an item waits for nothing."""
    items = PendingItems()
    items.put(ONE, RESULT, 0)
    items.take_due(inf)
    assert items.next_due() is None
    assert items.take_due(inf) == []


def test_there_is_a_bound() -> None:
    """More than so many are not kept; those that are there can still be put again."""
    items = PendingItems()
    assert all(items.put(("", str(number)), RESULT, 0) for number in range(MOST))
    assert not items.put(ONE, RESULT, 0)
    assert items.put(("", "0"), RESULT, 0)
    assert len(dict(items.items())) == len(items) == MOST
