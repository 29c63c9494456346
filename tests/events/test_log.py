"""The log as the daemon uses it: whose events, which level, how many, and never an error."""

import errno
import threading
import time

import pytest

from cscd.events.items import ItemEncrypted, ItemSkipped
from cscd.events.level import Level
from cscd.events.limit import Limits
from cscd.events.log import Log, new_pass_id
from cscd.events.passes import PassCompleted, PassStarted
from cscd.events.record import Context, Record
from cscd.events.service import ServiceStopped
from cscd.events.sessions import SessionClosed
from cscd.events.state import CallerLimited
from tests.events.kept import Kept

STARTED = PassStarted(trigger="logon", goal="encrypted", roots=("/home/alice",))
COMPLETED = PassCompleted(
    goal="encrypted",
    partial=True,
    converted=0,
    bytes=0,
    right=0,
    left=9,
    pending=9,
    failed=0,
    reasons=(),
    seconds=1.0,
)


def skipped(number: int = 0, reason: str = "open_elsewhere") -> ItemSkipped:
    """Return an event of an item."""
    return ItemSkipped(path=f"/home/alice/{number}", reason=reason)


def test_events_know_whose_they_are() -> None:
    """The service's, a user's, a pass's: by the log that they are given to."""
    kept = Kept()
    log = Log([kept], clock=lambda: 5_000_000)
    alice = log.for_user("alice\n", 1000)
    log.emit(ServiceStopped(seconds=1.0))
    alice.emit(SessionClosed(session="3", sessions=0))
    alice.for_pass("5f0c").emit(STARTED)
    assert [record.context for record in kept.records] == [
        Context(),
        Context("alice\\n", 1000),
        Context("alice\\n", 1000, "5f0c"),
    ]
    assert {record.time_us for record in kept.records} == {5000}


def test_finer_levels_are_left_out() -> None:
    """And one can ask before making an event for each item."""
    kept = Kept()
    alice = Log([kept], Level.INFO).for_user("alice", 1000)
    alice.emit(ItemEncrypted(path="/a", size=1))
    assert kept.records == []
    assert not alice.wants(ItemEncrypted)
    assert alice.wants(ItemSkipped)


def test_other_settings_hold_for_all_logs() -> None:
    """After a reload, also for a pass that is under way; the sinks before are closed."""
    before, after = Kept(), Kept()
    log = Log([before])
    running = log.for_user("alice", 1000).for_pass(new_pass_id())
    running.emit(skipped())
    log.configure([after], Level.DEBUG, Limits(burst=1))
    running.emit(ItemEncrypted(path="/a", size=1))
    running.emit(ItemEncrypted(path="/b", size=1))
    assert (before.names, after.names) == (["item_skipped"], ["item_encrypted"])
    assert before.closed


def test_what_was_left_out_is_told_when_its_pass_ends() -> None:
    """Before the summary, only for this user."""
    kept = Kept()
    log = Log([kept], limits=Limits(burst=2))
    alice, bob = log.for_user("alice", 1000).for_pass("a"), log.for_user("bob", 1001)
    for number in range(7):
        alice.emit(skipped(number))
        bob.emit(skipped(number))
    alice.emit(COMPLETED)
    assert kept.names[4:] == ["suppressed", "pass_completed"]
    notice = kept.records[4]
    assert notice.context.user == "alice"
    assert (notice.fields["suppressed_event"], notice.fields["count"]) == ("item_skipped", 5)
    before = log.holding
    log.flush()
    assert (before, log.holding) == (True, False)
    assert kept.records[-1].context.user == "bob"


def test_closing_tells_what_was_left_out() -> None:
    """And closes the sinks."""
    kept = Kept()
    log = Log([kept], limits=Limits(burst=1))
    for _ in range(3):
        log.emit(ServiceStopped(seconds=1.0))
    log.close()
    assert kept.names == ["service_stopped", "suppressed"]
    assert kept.closed


def test_a_million_conflicting_files_are_fewer_than_a_thousand_lines() -> None:
    """In all: single events, sums and the summary; and no conflict is missing in the sums."""
    kept = Kept()
    log = Log([kept])
    running = log.for_user("alice", 1000).for_pass(new_pass_id())
    for number in range(1_000_000):
        running.emit(skipped(number, ("open_elsewhere", "opened_meanwhile")[number % 2]))
    running.emit(COMPLETED)
    log.close()
    assert len(kept.records) < 1000
    counted = sum(record.fields["count"] for record in kept.records if record.event == "suppressed")
    assert counted + kept.names.count("item_skipped") == 1_000_000


def test_users_without_a_name_are_counted_together() -> None:
    """Each user has thousands of numbers to call from (subuid(5)), but not as many lines for each."""
    kept = Kept()
    log = Log([kept], limits=Limits(burst=3), ticks=lambda: 0.0)
    for uid in range(100_000, 100_100):
        log.for_user(str(uid), uid).emit(CallerLimited(reason="rate"))
    log.for_user("alice", 1000).emit(CallerLimited(reason="rate"))
    assert [record.context.user for record in kept.records] == ["100000", "100001", "100002", "alice"]


def test_a_broken_sink_harms_neither_us_nor_other_sinks() -> None:
    """It gets what it can take later."""
    broken, kept = Kept(error=OSError(errno.ENOSPC, "full")), Kept()
    log = Log([broken, kept])
    log.emit(ServiceStopped(seconds=1.0))
    log.reopen()
    broken.error = None
    log.emit(ServiceStopped(seconds=2.0))
    log.reopen()
    log.close()
    assert kept.names == ["service_stopped", "service_stopped"]
    assert broken.names == ["dropped", "service_stopped"]
    assert (broken.reopened, kept.reopened) == (1, 2)


def test_threads_may_share_a_log() -> None:
    """No event is lost or doubled."""
    kept = Kept()
    log = Log([kept], limits=Limits(burst=0))

    def speak(user: str) -> None:
        for number in range(500):
            log.for_user(user, 1).emit(skipped(number))

    threads = [threading.Thread(target=speak, args=(user,)) for user in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for user in "abcd":
        own = [record.fields["path"] for record in kept.records if record.context.user == user]
        assert own == [f"/home/alice/{number}" for number in range(500)]


def test_pass_ids_are_different() -> None:
    """Twelve digits that say nothing."""
    assert len({new_pass_id() for _ in range(1000)}) == 1000
    assert len(new_pass_id()) == 12


def test_the_time_is_now() -> None:
    """In microseconds, unless the test says otherwise."""
    kept = Kept()
    Log([kept]).emit(ServiceStopped(seconds=1.0))
    assert kept.records[0].time_us / 1e6 == pytest.approx(time.time(), abs=60)
    assert isinstance(kept.records[0], Record)
