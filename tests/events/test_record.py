"""A record is written and read back whole, as JSON and as the journal has it."""

import json

import pytest

from cscd.events.catalogue import CATALOGUE
from cscd.events.event import Event
from cscd.events.fields import Holder
from cscd.events.items import ItemSkipped
from cscd.events.level import Level
from cscd.events.passes import PassStarted
from cscd.events.record import Context, Record
from tests.events.samples import HOSTILE, ORDINARY, every_event

TIME = 1_795_349_357_159_547
ALICE = Context("alice", 1000, "5f0c12ab34cd")

SKIPPED = Record.of(
    ItemSkipped(
        path="/home/alice/a\nb",
        reason="open_elsewhere",
        holders=(Holder(pid=7, command="vim"), Holder(pid=8, command="ed")),
    ),
    ALICE,
    TIME,
)

both = pytest.mark.parametrize(
    "event",
    [*every_event(ORDINARY), *every_event(HOSTILE)],
    ids=[*CATALOGUE, *(f"hostile-{name}" for name in CATALOGUE)],
)


def as_journalctl_prints(record: Record) -> dict[str, object]:
    """Return a record as an object of ``journalctl -o json``."""
    entry: dict[str, object] = {"__REALTIME_TIMESTAMP": str(record.time_us), "_UID": "0"}
    for name, value in record.journal():
        known = entry.get(name)
        if known is None:
            entry[name] = value
        else:
            entry[name] = [*(known if isinstance(known, list) else [known]), value]
    return entry


def test_a_line_has_the_documented_keys() -> None:
    """Time in UTC, then level and event, whose, the fields, the message."""
    assert SKIPPED.line().endswith("}\n")
    assert json.loads(SKIPPED.line()) == {
        "time": "2026-11-22T12:09:17.159547Z",
        "level": "info",
        "event": "item_skipped",
        "user": "alice",
        "uid": 1000,
        "pass": "5f0c12ab34cd",
        "path": "/home/alice/a\\nb",
        "reason": "open_elsewhere",
        "holders": [{"pid": 7, "command": "vim"}, {"pid": 8, "command": "ed"}],
        "attempt": 1,
        "detail": "",
        "message": "/home/alice/a\\nb: skipped, open elsewhere by vim[7], ed[8]",
    }


def test_the_journal_has_native_fields() -> None:
    """A list is given entry by entry."""
    assert list(SKIPPED.journal()) == [
        ("MESSAGE", "/home/alice/a\\nb: skipped, open elsewhere by vim[7], ed[8]"),
        ("PRIORITY", "6"),
        ("SYSLOG_IDENTIFIER", "cscd"),
        ("MESSAGE_ID", ItemSkipped.kind.message_id),
        ("CSCD_EVENT", "item_skipped"),
        ("CSCD_USER", "alice"),
        ("CSCD_UID", "1000"),
        ("CSCD_PASS", "5f0c12ab34cd"),
        ("CSCD_PATH", "/home/alice/a\\nb"),
        ("CSCD_REASON", "open_elsewhere"),
        ("CSCD_HOLDERS", '{"pid":7,"command":"vim"}'),
        ("CSCD_HOLDERS", '{"pid":8,"command":"ed"}'),
        ("CSCD_ATTEMPT", "1"),
        ("CSCD_DETAIL", ""),
    ]


@both
def test_a_line_is_read_back_whole(event: Event) -> None:
    """Whatever is in it, it is one line."""
    record = Record.of(event, ALICE, TIME)
    assert record.line().count("\n") == 1
    assert Record.from_line(record.line()) == record


@both
def test_a_journal_entry_is_read_back_whole(event: Event) -> None:
    """With the types of its fields, though the journal has only text."""
    record = Record.of(event, ALICE, TIME)
    assert Record.from_journal(as_journalctl_prints(record)) == record


@pytest.mark.parametrize("context", [Context(), Context("bob", 1001)])
def test_whose_it_is_may_be_absent(context: Context) -> None:
    """Events of the service have no user, those outside of a pass no pass."""
    record = Record.of(SKIPPED_EVENT, context, TIME)
    assert Record.from_line(record.line()) == record
    assert Record.from_journal(as_journalctl_prints(record)) == record


SKIPPED_EVENT = ItemSkipped(path="/a", reason="open_elsewhere")


@pytest.mark.parametrize(
    "line",
    [
        *("", "{", "[]", "3", "null", '"text"', "{}", '{"event":"x"}', b"\xff\xfe{}"),
        '{"event":"x","time":"then","level":"info"}',
        '{"event":"x","time":"2026-11-22","level":"loud"}',
        '{"event":"x","time":"0001-01-01T00:00:00+23:00","level":"info"}',
        "[" * 100_000,
    ],
)
def test_a_line_that_is_not_ours_is_refused(line: str | bytes) -> None:
    """With a ValueError, whatever it is."""
    with pytest.raises(ValueError, match=r"."):
        Record.from_line(line)


def test_an_event_of_another_version_is_read_as_it_is() -> None:
    """The catalogue need not know it."""
    record = Record.from_line('{"event":"new_one","time":"2026-11-22T12:00:00Z","level":"warning","x":[1]}')
    assert (record.event, record.level, record.fields) == ("new_one", Level.WARNING, {"x": [1]})
    entry = {"CSCD_EVENT": "new_one", "__REALTIME_TIMESTAMP": "5", "CSCD_X": "1", "MESSAGE": [104, 105]}
    found = Record.from_journal(entry)
    assert (found.event, found.message, found.fields) == ("new_one", "hi", {"x": "1"})


@pytest.mark.parametrize(
    "entry",
    [{}, {"CSCD_EVENT": "x"}, {"CSCD_EVENT": "item_failed", "__REALTIME_TIMESTAMP": "1", "CSCD_ERRNO": "x"}],
)
def test_a_forged_journal_entry_is_refused(entry: dict[str, str]) -> None:
    """With a ValueError, so that a reader can skip it."""
    with pytest.raises(ValueError, match=r"."):
        Record.from_journal(entry)


def test_only_events_of_a_pass_show_which() -> None:
    """An item's line is long enough."""
    started = PassStarted(trigger="logon", goal="encrypted", roots=("/a",))
    assert Record.of(started, ALICE, TIME).in_pass
    assert not SKIPPED.in_pass
