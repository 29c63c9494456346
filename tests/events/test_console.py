"""A record as a line for people."""

from datetime import UTC, datetime

import pytest

from cscd.events.console import Console, harmless, wants_colour
from cscd.events.items import ItemSkipped
from cscd.events.passes import PassProgress
from cscd.events.record import Context, Record
from cscd.events.workers import WorkerAbandoned

ALICE = Context("alice", 1000, "5f0c12ab34cd")
TIME = round(datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC).timestamp()) * 1_000_000
SKIPPED = Record.of(ItemSkipped(path="/home/alice/a.odt", reason="open_elsewhere"), ALICE, TIME)


def test_a_line_has_time_level_user_event_and_message() -> None:
    """In this order, and nothing else."""
    line = Console(zone=UTC).line(SKIPPED)
    assert line == "04:05:06 I alice item_skipped /home/alice/a.odt: skipped, open elsewhere\n"


def test_the_day_is_told_if_asked_for() -> None:
    """With its year, if that is another one than this."""
    assert Console(date=True, zone=UTC).line(SKIPPED).startswith("2001-02-03 04:05:06 I")
    now = datetime.now(UTC)
    this_year = Record.of(ItemSkipped(path="/a", reason="x"), ALICE, round(now.timestamp()) * 1_000_000)
    assert Console(date=True, zone=UTC).line(this_year).startswith(f"{now:%m-%d} ")


def test_colours_are_there_only_if_asked_for() -> None:
    """And the letter of the level is there in any case."""
    error = Record.of(WorkerAbandoned(failures=3), ALICE, TIME)
    assert "\x1b[31mE\x1b[0m" in Console(colour=True, zone=UTC).line(error)
    assert "\x1b" not in Console(zone=UTC).line(error)


def test_an_event_of_a_pass_says_which() -> None:
    """At the end of its line."""
    record = Record.of(PassProgress(items=1, found=2, bytes=3, waiting=4), ALICE, TIME)
    assert Console(zone=UTC).line(record).endswith(" (5f0c12ab34cd)\n")


def test_a_log_that_somebody_else_wrote_is_harmless() -> None:
    """Nothing in it reaches the terminal but what can be printed."""
    for year in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        ends = Record.from_line(f'{{"event":"x","level":"info","time":"{year}"}}')
        assert Console(date=True).line(ends).endswith(" x\n")
    record = Record(TIME, SKIPPED.level, "x\x1b[2J", Context("a\nb"), "m\x07\u202e", {})
    line = Console(zone=UTC).line(record)
    assert line.count("\n") == 1
    assert harmless(line[:-1]) == line[:-1]


@pytest.mark.parametrize(
    "environment, terminal, wanted",
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm"}, False, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, True, False),
        ({}, True, False),
    ],
)
def test_colours_are_for_terminals(environment: dict[str, str], *, terminal: bool, wanted: bool) -> None:
    """That have them, and for people who have not said no."""
    assert wants_colour(environment, terminal=terminal) is wanted
