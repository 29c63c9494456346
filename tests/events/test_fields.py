"""Fields take what they are given and make it fit; only the wrong type is an error."""

import errno

import pytest
from pydantic import ValidationError

from cscd.events.fields import (
    MOST_COUNT,
    MOST_ENTRIES,
    MOST_WORD,
    Holder,
    ReasonCount,
    error_text,
    joined,
    spoken,
)
from cscd.events.items import ItemFailed, ItemSkipped
from cscd.events.passes import PassStarted
from cscd.events.workers import WatchDegraded


@pytest.mark.parametrize("number, kept", [(-3, 0), (5, 5), (2**80, MOST_COUNT)])
def test_a_number_is_brought_into_its_bounds(number: int, kept: int) -> None:
    """Never below zero, never more than readers keep."""
    assert ReasonCount(reason="x", count=number).count == kept


@pytest.mark.parametrize(
    "seconds, kept",
    [
        (-1.0, 0.0),
        (float("nan"), 0.0),
        (float("inf"), 1e12),
        (1.23456, 1.235),
        (3, 3.0),
        pytest.param(10**400, 1e12, id="more than a float holds"),
        pytest.param(-(10**400), 0.0, id="less than a float holds"),
    ],
)
def test_a_time_span_is_brought_into_its_bounds(seconds: float, kept: float) -> None:
    """In milliseconds; JSON has neither infinity nor NaN."""
    event = WatchDegraded(reason="overflow", path="/", recheck_seconds=seconds)
    assert event.recheck_seconds == kept


def test_a_list_keeps_its_first_entries() -> None:
    """However long it is."""
    holders = tuple(Holder(pid=pid, command="sh") for pid in range(100))
    event = ItemSkipped(path="/a", reason="open_elsewhere", holders=holders)
    assert event.holders == holders[:MOST_ENTRIES]
    assert len(PassStarted(trigger="logon", goal="encrypted", roots=("/x",) * 99).roots) == MOST_ENTRIES


def test_a_word_is_short() -> None:
    """A process may choose its own name, up to 15 bytes; what a worker sends may be anything."""
    assert Holder(pid=1, command="w" * 1000).command.startswith("w" * MOST_WORD + "\\[")


def test_the_wrong_type_is_an_error() -> None:
    """It is a mistake in our code, and a test finds it."""
    with pytest.raises(ValidationError):
        ItemFailed.model_validate({"path": b"/bytes", "reason": "io_error"})
    with pytest.raises(ValidationError):
        ItemFailed.model_validate({"path": "/a", "reason": "io_error", "errno": "5"})


def test_an_event_cannot_be_changed_nor_extended() -> None:
    """It tells what was."""
    event = ItemFailed(path="/a", reason="io_error")
    with pytest.raises(ValidationError):
        event.__setattr__("path", "/b")
    with pytest.raises(ValidationError):
        ItemFailed.model_validate({"path": "/a", "reason": "io_error", "key": "x"})


def test_words_for_people() -> None:
    """Reasons, errors and lists as they stand in a sentence."""
    assert spoken("open_elsewhere") == "open elsewhere"
    assert error_text(errno.EIO) == "Input/output error (EIO)"
    assert error_text(0) == ""
    assert joined("a", "", "b") == "a, b"
    assert str(Holder(pid=3, command="vim")) == "vim[3]"
    assert str(ReasonCount(reason="no_space", count=2)) == "2 no space"
