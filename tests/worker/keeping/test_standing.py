"""What is not right in one root, and whose closes count."""

from math import inf

from cscd.events.event import Event
from cscd.files.outcome import Lasting, Outcome, Reason, Result
from cscd.worker.keeping import errand, standing
from cscd.worker.keeping.standing import Standing
from cscd.worker.passes.pending import Backoff
from cscd.worker.passes.tally import Tally

ITEM = ("below", "item")
HELD = Result(Outcome.LEFT, Reason.OPEN_ELSEWHERE)
DAMAGED = Result(Outcome.LEFT, Reason.DAMAGED)
DONE = Result(Outcome.ENCRYPTED, size=5)
LONG = Backoff(100.0, 1000.0, 0.0)


class Told(list[Event]):
    """The events that were told."""

    def names(self) -> list[str]:
        """Return their names, and forget them."""
        names = [event.kind.name for event in self]
        self.clear()
        return names


def made() -> tuple[Standing, Told]:
    """Make one in which nothing is wrong."""
    told = Told()
    return Standing("/root", LONG, told.append), told


def test_the_story_of_an_item_is_told() -> None:
    """Skipped, when it is tried next, failed for good, and right in the end."""
    stands, told = made()
    stands.note(ITEM, HELD, successes=False)
    assert told.names() == ["item_skipped", "item_retry_scheduled"]
    stands.note(ITEM, DAMAGED, successes=False)
    assert told.names() == ["item_failed"]
    assert stands.counts(Lasting.BRIEF) == {}
    assert stands.counts(Lasting.STAYS) == {Reason.DAMAGED: 1}
    stands.note(ITEM, DONE, successes=True)
    assert told.names() == ["item_resolved", "item_encrypted"]
    assert stands.counts(Lasting.STAYS) == {}


def test_what_a_whole_pass_did_not_meet_is_gone() -> None:
    """Renamed or deleted: it is not wrong any more. What was only counted is taken from the pass."""
    stands, told = made()
    stands.note(ITEM, DAMAGED, successes=False)
    stands.note(("", "other"), DAMAGED, successes=False)
    stands.begin()
    stands.note(("", "other"), DAMAGED, successes=False)
    told.clear()
    tally = Tally()
    tally.left[Reason.DAMAGED] = 7
    tally.left[Reason.EMPTY] = 3
    stands.finish(tally)
    assert told.names() == ["item_resolved"]
    assert stands.counts(Lasting.STAYS) == {Reason.DAMAGED: 7}
    assert stands.known() == {("", "other")}


def test_only_so_many_are_kept_by_name() -> None:
    """A tree of conflicts costs no more memory than that; all are counted."""
    stands, _ = made()
    for number in range(standing.MOST_FAILED + 5):
        stands.note(("", str(number)), DAMAGED, successes=False)
    assert len(stands.known()) == standing.MOST_FAILED <= errand.MOST_TOLD
    assert stands.counts(Lasting.STAYS) == {Reason.DAMAGED: standing.MOST_FAILED + 5}


def test_the_close_by_a_try_brings_no_other_try() -> None:
    """Whether it is heard before its result or after it; one more close is somebody else's."""
    for before in (0, 1):
        stands, _ = made()
        stands.note(ITEM, HELD, successes=False)
        stands.pending.take_due(inf)
        if before:
            stands.closed(ITEM)
        stands.note(ITEM, HELD, successes=False)
        if not before:
            stands.closed(ITEM)
        assert seconds_left(stands) > 1
        stands.closed(ITEM)
        assert seconds_left(stands) < 1


def test_a_close_during_a_try_is_not_forgotten() -> None:
    """The try's own and another one: whoever held it may have closed it a moment too late for the try."""
    stands, _ = made()
    stands.note(ITEM, HELD, successes=False)
    stands.pending.take_due(inf)
    stands.closed(ITEM)
    stands.closed(ITEM)
    stands.note(ITEM, HELD, successes=False)
    assert seconds_left(stands) < 1


def seconds_left(stands: Standing) -> float:
    """Return the seconds until the item is tried."""
    item = stands.pending.get(ITEM)
    assert item
    return item.due - item.since
