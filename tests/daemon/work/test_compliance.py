"""Whether a user's items are all in the cache-wide state, as far as anybody knows."""

from dataclasses import replace
from typing import Any

import pytest

from cscd.daemon.state.records import MOST_NUMBER, PassRecord, UserRecord
from cscd.daemon.work.compliance import left, partial, unright
from cscd.files.goal import State
from cscd.worker.messages import PassEnded, ReasonCount, Standing

DONE = PassRecord(
    pass_id="ab",  # noqa: S106 - not a password
    trigger="logon",
    scope="all",
    goal=State.ENCRYPTED,
    ended=1.0,
    seconds=1.0,
    complete=True,
    partial=False,
    stopped=False,
)


def test_all_is_right_after_a_complete_pass_that_left_nothing() -> None:
    """Towards the state that the cache has."""
    assert not partial(State.ENCRYPTED, DONE, {})


def test_nothing_is_known_before_the_first_pass() -> None:
    """That counts as partial."""
    assert partial(State.ENCRYPTED, None, {})


@pytest.mark.parametrize(
    "change", [{"goal": State.UNENCRYPTED}, {"complete": False}, {"error": "target"}], ids=str
)
def test_a_pass_that_says_less_than_everything_leaves_it_partial(change: dict[str, Any]) -> None:
    """It went elsewhere, came not to its end, or not into every root."""
    assert partial(State.ENCRYPTED, replace(DONE, **change), {})


def test_what_is_left_makes_it_partial() -> None:
    """Whatever the pass said; and what was left and is right now does not."""
    assert partial(State.ENCRYPTED, DONE, {"open_elsewhere": 1})
    assert not partial(State.ENCRYPTED, replace(DONE, partial=True), {"open_elsewhere": 0})


def test_what_a_pass_left_is_not_right_unless_it_holds_nothing_to_convert() -> None:
    """Until the worker says more."""
    reasons = (ReasonCount(reason="empty", count=5), ReasonCount(reason="metadata", count=2))
    ended = PassEnded(pass_id="ab", complete=True, partial=True, stopped=False, reasons=reasons)  # noqa: S106
    assert left(ended) == {"metadata": 2}


def test_what_waits_and_what_failed_both_are_not_right() -> None:
    """By what the worker says."""
    standing = Standing(
        roots=(),
        pending=(ReasonCount(reason="open_elsewhere", count=2),),
        failed=(ReasonCount(reason="hard_linked", count=3),),
        first=(),
    )
    assert unright(standing) == {"open_elsewhere": 2, "hard_linked": 3}


def test_what_a_worker_makes_up_can_be_remembered() -> None:
    """Reasons that nobody knows are one, and no sum is too large."""
    many = tuple(ReasonCount(reason=f"reason_{number}", count=MOST_NUMBER) for number in range(64))
    more = tuple(ReasonCount(reason=f"other_{number}", count=1) for number in range(64))
    counts = unright(Standing(roots=(), pending=many, failed=more, first=()))
    assert UserRecord(1000, "alice", None, counts).pending == {"io_error": MOST_NUMBER}
