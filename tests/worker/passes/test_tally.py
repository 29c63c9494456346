"""The counts of a pass."""

import pytest

from cscd.files.outcome import Lasting, Outcome, Reason, Result
from cscd.worker.passes.tally import FIRST, Tally, join


def test_each_outcome_is_counted_in_its_place() -> None:
    """Converted, right, gone and left items are told apart."""
    tally = Tally()
    tally.add("", "a", Result(Outcome.ENCRYPTED, size=10))
    tally.add("", "b", Result(Outcome.UNENCRYPTED, size=20))
    tally.add("", "c", Result(Outcome.RIGHT, size=0))
    tally.add("", "d", Result(Outcome.GONE))
    tally.add("", "e", Result(Outcome.LEFT, Reason.DAMAGED))
    assert (tally.converted, tally.converted_bytes, tally.right, tally.gone) == (2, 30, 1, 1)
    assert tally.left == {Reason.DAMAGED: 1}


def test_the_first_of_each_reason_are_named() -> None:
    """All are counted, and as many as fit on a screen are kept by name."""
    tally = Tally()
    for number in range(100):
        tally.leave(f"{number}", Result(Outcome.LEFT, Reason.EMPTY))
    assert tally.left[Reason.EMPTY] == 100
    assert [left.path for left in tally.first[Reason.EMPTY]] == [f"{number}" for number in range(FIRST)]


@pytest.mark.parametrize("reason", Reason)
def test_a_cache_is_partial_unless_all_is_fine(reason: Reason) -> None:
    """Whatever was left alone makes the cache partial, unless nothing was to be done; so does stopping."""
    tally = Tally(complete=True)
    assert not tally.partial
    tally.leave("x", Result(Outcome.LEFT, reason))
    assert tally.partial is (reason.lasting is not Lasting.FINE)
    assert list(tally.by_lasting(reason.lasting)) == [(reason, 1)]
    assert Tally(complete=False).partial


def test_paths_are_relative_to_the_root() -> None:
    """The root itself is the empty path."""
    assert join("", "name") == "name"
    assert join("a/b", "name") == "a/b/name"
