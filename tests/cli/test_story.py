"""What became of items, told from the log."""

from cscd.cli.story import MOST, Stories
from cscd.events.event import Event
from cscd.events.fields import Holder
from cscd.events.items import ItemFailed, ItemResolved, ItemRetryScheduled, ItemSkipped
from cscd.events.notices import Suppressed
from cscd.events.record import Context, Record

VIM = (Holder(pid=7, command="vim"),)


def stories(*events: tuple[str, Event]) -> Stories:
    """Return the stories of events of users, one a second."""
    told = Stories()
    told.read(
        Record.of(event, Context(user, 1000), second * 1_000_000)
        for second, (user, event) in enumerate(events)
    )
    return told


def test_an_item_has_its_reason_holder_tries_and_end() -> None:
    """Of its last time."""
    (story,) = stories(
        ("alice", ItemSkipped(path="/a", reason="open_elsewhere", holders=VIM)),
        ("alice", ItemRetryScheduled(path="/a", reason="open_elsewhere", attempt=2, retry_seconds=10.0)),
        ("alice", ItemFailed(path="/a", reason="no_space", attempt=2)),
        ("alice", ItemResolved(path="/a", outcome="encrypted", reason="no_space", attempts=3, seconds=3.0)),
    ).told()
    assert (story.user, story.path, story.reason, story.tries) == ("alice", "/a", "no_space", 2)
    assert (story.first.time_us, story.last.time_us) == (0, 2_000_000)
    assert story.right
    assert story.right.time_us == 3_000_000


def test_an_item_that_is_left_alone_again_is_not_right() -> None:
    """However often it was."""
    (story,) = stories(
        ("alice", ItemSkipped(path="/a", reason="open_elsewhere")),
        ("alice", ItemResolved(path="/a", outcome="encrypted", reason="x", attempts=1, seconds=3.0)),
        ("alice", ItemSkipped(path="/a", reason="open_elsewhere", holders=VIM)),
        ("alice", ItemRetryScheduled(path="/a", reason="open_elsewhere", attempt=3, retry_seconds=10.0)),
    ).told()
    assert story.right is None
    assert story.holders == ["vim[7]"]
    assert story.next_us == 13_000_000


def test_users_are_told_apart_and_what_is_not_right_comes_first() -> None:
    """Then by user and path."""
    told = stories(
        ("bob", ItemSkipped(path="/z", reason="x")),
        ("alice", ItemSkipped(path="/z", reason="x")),
        ("alice", ItemSkipped(path="/a", reason="x")),
        ("alice", ItemResolved(path="/a", outcome="gone", reason="x", attempts=1, seconds=3.0)),
    ).told()
    assert [(story.user, story.path) for story in told] == [("alice", "/z"), ("bob", "/z"), ("alice", "/a")]


def test_what_the_log_only_counted_is_counted() -> None:
    """And so is what is too much to tell."""
    told = stories(
        ("alice", Suppressed(suppressed_event="item_skipped", reason="x", count=41, seconds=1.0)),
        ("alice", Suppressed(suppressed_event="pass_started", reason="", count=9, seconds=1.0)),
        *(("alice", ItemSkipped(path=f"/{number}", reason="x")) for number in range(MOST + 1)),
    )
    assert told.untold == 42
    assert len(list(told.told())) == MOST
