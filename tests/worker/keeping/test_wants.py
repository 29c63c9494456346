"""The passes that a worker asks for."""

from math import inf

from cscd.worker.keeping.wants import Wants
from cscd.worker.messages import WantPass

SOON = 1.0
"""Later than any time for which a want waits whether more comes."""


def test_what_is_found_is_asked_for_after_a_moment_and_once() -> None:
    """A burst is one pass; until that begins, nothing is said again."""
    wants = Wants()
    wants.found("new_items", 0.0)
    wants.found("retry", 0.01)
    assert wants.take_due(0.0, 1) is None
    assert 0.0 < wants.due < SOON
    assert wants.take_due(SOON, 2) == WantPass(trigger="new_items", scope="found", items=2)
    assert wants.take_due(SOON, 2) is None
    assert wants.due == inf


def test_what_comes_after_a_pass_began_is_another_one() -> None:
    """The pass may not see it any more."""
    wants = Wants()
    wants.found("new_items", 0.0)
    assert wants.take_due(SOON, 1)
    wants.begun("found")
    assert wants.take_due(SOON, 1) is None
    wants.found("retry", SOON)
    assert wants.take_due(2 * SOON, 1) == WantPass(trigger="retry", scope="found", items=1)


def test_a_pass_over_everything_serves_what_was_found() -> None:
    """It is asked for at once, and nothing besides; with its begin, nothing is wanted."""
    wants = Wants()
    wants.found("new_items", 0.0)
    wants.everything("root_found")
    assert wants.take_due(SOON, 1) == WantPass(trigger="root_found", scope="all", items=0)
    assert wants.take_due(SOON, 1) is None
    wants.begun("all")
    assert wants.due == inf


def test_a_question_that_crossed_the_start_of_a_pass_is_asked_again() -> None:
    """The daemon may have forgotten it with that start."""
    wants = Wants()
    wants.everything("watch_degraded")
    assert wants.take_due(0.0, 0)
    wants.begun("found")
    assert wants.take_due(0.0, 0) is None
    wants.repeat()
    assert wants.take_due(0.0, 0) == WantPass(trigger="watch_degraded", scope="all", items=0)


def test_what_was_dealt_with_meanwhile_is_not_asked_for() -> None:
    """The pass under way has taken it in."""
    wants = Wants()
    wants.found("new_items", 0.0)
    wants.found_nothing()
    assert wants.take_due(SOON, 0) is None
