"""A sink that fails harms nobody, and says afterwards how much is missing in it."""

import errno

from cscd.events.items import ItemFailed
from cscd.events.record import Context, Record
from cscd.events.sink import Guard
from tests.events.kept import Kept

RECORD = Record.of(ItemFailed(path="/a", reason="io_error"), Context("alice", 1000), 1_000_000)


def test_lost_records_are_counted_and_told() -> None:
    """Once, before the first record that gets through, with the first error."""
    kept = Kept()
    guard = Guard(kept)
    for number in (errno.ENOSPC, errno.EIO, errno.EIO):
        kept.error = OSError(number, "broken")
        guard.write(RECORD)
    kept.error = None
    guard.write(RECORD)
    guard.write(RECORD)
    assert kept.names == ["dropped", "item_failed", "item_failed"]
    assert kept.records[0].fields == {
        "sink": "memory",
        "count": 3,
        "error": "No space left on device (ENOSPC)",
    }


def test_a_count_that_cannot_be_told_is_kept() -> None:
    """Until it can."""
    kept = Kept(error=OSError(errno.EAGAIN, "busy"))
    guard = Guard(kept)
    for _ in range(1000):
        guard.write(RECORD)
    assert guard.lost == 1000
    kept.error = None
    guard.close(2_000_000)
    assert kept.closed
    assert [record.fields["count"] for record in kept.records] == [1000]


def test_closing_and_reopening_do_not_raise() -> None:
    """Whatever the sink does."""
    kept = Kept(error=OSError(errno.EIO, "broken"))
    guard = Guard(kept)
    guard.write(RECORD)
    guard.reopen()
    guard.close(0)
    assert kept.closed
