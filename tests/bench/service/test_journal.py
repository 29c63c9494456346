"""What a daemon logs is found, each line once, and by whose it is."""

from pathlib import Path

import pytest

from bench.command import CommandError
from bench.service.journal import Journal

LINE = '{{"time":"2026-11-25T03:00:0{second}.500000Z","level":"info","event":"{event}","uid":{uid}}}\n'
BEGAN = 1_795_575_600.0
"""2026-11-25T03:00:00Z."""


def line(second: int, event: str, uid: int) -> str:
    """Return a line of the log."""
    return LINE.format(second=second, event=event, uid=uid)


def test_a_line_is_an_entry_once_it_is_whole(tmp_path: Path) -> None:
    """What was there before is not read; half a line waits for its other half."""
    log = tmp_path / "log"
    log.write_text(line(0, "old", 1), encoding="utf-8")
    journal = Journal(log)
    whole = line(1, "new", 2)
    with log.open("a", encoding="utf-8") as file:
        file.write(whole[:20])
    assert journal.entries() == []
    with log.open("a", encoding="utf-8") as file:
        file.write(whole[20:])
    (entry,) = journal.entries()
    assert (entry.event, entry.uid, entry.at) == ("new", 2, BEGAN + 1.5)


def test_the_first_event_of_each_user_since_their_logon_counts(tmp_path: Path) -> None:
    """Earlier ones, later ones and those of others do not."""
    log = tmp_path / "log"
    journal = Journal(log)
    lines = [
        line(1, "x", 1),
        line(2, "y", 2),
        line(3, "x", 2),
        line(4, "x", 1),
        line(5, "x", 1),
        line(6, "x", 9),
    ]
    log.write_text("".join(lines), encoding="utf-8")
    found = journal.first({1: BEGAN + 2, 2: BEGAN}, lambda entry: entry.event == "x", 1)
    assert {uid: entry.at - BEGAN for uid, entry in found.items()} == {1: 4.5, 2: 3.5}


def test_who_has_none_in_time_is_a_failure(tmp_path: Path) -> None:
    """A benchmark does not wait for ever."""
    with pytest.raises(CommandError, match="1 users waited"):
        Journal(tmp_path / "log").first({1: BEGAN}, lambda _: True, 0)
