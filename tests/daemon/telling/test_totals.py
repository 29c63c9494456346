"""What has been done, counted."""

import pytest

from cscd.daemon.telling.totals import OTHER, Totals
from cscd.files.goal import State
from cscd.worker.messages import PassEnded


@pytest.mark.parametrize(
    "facts, result",
    [
        ({"complete": True, "partial": False, "stopped": False}, "right"),
        ({"complete": True, "partial": True, "stopped": False}, "partial"),
        ({"complete": False, "partial": True, "stopped": True}, "stopped"),
        ({"complete": False, "partial": True, "stopped": True, "error": "key"}, "failed"),
    ],
)
def test_a_pass_is_counted_once(facts: dict[str, object], result: str) -> None:
    """By how it ended, with its work and its time."""
    totals = Totals()
    ended = {"pass_id": "ab", "converted": 2, "converted_bytes": 30, "seconds": 1.5, **facts}
    totals.pass_ended(State.UNENCRYPTED, PassEnded.model_validate(ended))
    assert totals.passes == {result: 1}
    assert totals.pass_seconds == 1.5
    assert totals.items == {State.UNENCRYPTED: 2}
    assert totals.bytes == {State.UNENCRYPTED: 30}


def test_names_that_are_not_known_are_one() -> None:
    """A user cannot fill a monitoring system with them."""
    totals = Totals()
    for name in ("hung", "x", "y"):
        totals.worker_failed(name)
    for name in ("limit", "x", "y"):
        totals.watch_degraded(name)
    assert totals.worker_failures == {"hung": 1, OTHER: 2}
    assert totals.watch_failures == {"limit": 1, OTHER: 2}


def test_a_copy_stays_as_it_is() -> None:
    """For a thread that writes while the service counts on."""
    totals = Totals()
    totals.worker_failed("hung")
    before = totals.copy()
    totals.worker_failed("hung")
    assert (before.worker_failures["hung"], totals.worker_failures["hung"]) == (1, 2)
