"""The summary of a command: every line of it."""

from collections import Counter

import pytest

from cscd.cli.finished import Finished, Whole
from cscd.cli.summary import print_summary
from cscd.cli.terminal import Terminal
from cscd.errors import BusyError
from cscd.files.goal import State
from cscd.files.outcome import Holder, Outcome, Reason, Result
from cscd.worker.tally import Tally


class Recorder(Terminal):
    """A terminal that keeps what is printed on it."""

    def __init__(self) -> None:
        super().__init__({})
        self.lines: list[str] = []

    def print(self, line: str = "") -> None:
        """Keep a line."""
        self.lines.append(line)


def summary(*trees: Finished, state: State = State.ENCRYPTED, looking: bool = False) -> str:
    """Print a summary and return it."""
    recorder = Recorder()
    print_summary(Whole(state, looking, trees), recorder, "cscd recheck cache")
    return "\n".join(recorder.lines)


def finished(tally: Tally, *, seconds: float = 1.0, stopped: bool = False) -> Finished:
    """A pass that has ended."""
    return Finished("/home/alice/cache", tally, seconds, begun=True, stopped=stopped)


def left(reason: Reason, *holders: Holder, detail: str = "") -> Result:
    """The result of an item that was left alone."""
    return Result(Outcome.LEFT, reason, holders=holders, detail=detail)


def test_a_whole_tree_takes_two_lines() -> None:
    """What was done, and how much of it in what time."""
    assert summary(finished(Tally(converted=1234, converted_bytes=5 << 30, complete=True), seconds=42)) == (
        "/home/alice/cache\n  1,234 items encrypted, 5.0 GiB in 42 s"
    )


def test_a_tree_that_is_right_says_so() -> None:
    """With the time that the check took."""
    assert summary(finished(Tally(right=3, complete=True), seconds=0.04)) == (
        "/home/alice/cache\n  3 items were encrypted before, checked in 0.0 s"
    )


def test_what_was_left_is_told_by_reason_with_its_holders() -> None:
    """What can be tried again, what stays, what is fine: each with its first items, 80 columns wide."""
    tally = Tally(converted=5, converted_bytes=5000, complete=True)
    tally.leave("mail/inbox.mbox", left(Reason.OPEN_ELSEWHERE, Holder(812, "thunderbird")))
    tally.leave(
        "d/" + "long-" * 30 + "name", left(Reason.OPEN_ELSEWHERE, Holder(7, "a"), Holder(8, "b\x1b[1m"))
    )
    tally.leave("old\nname", left(Reason.DAMAGED, detail="the header has been altered"))
    for number in range(7):
        tally.leave(f"link-{number}", left(Reason.HARD_LINKED))
    tally.leave("none", left(Reason.EMPTY))
    tally.left[Reason.NOT_REGULAR] += 0
    text = summary(finished(tally))
    assert text == (
        "/home/alice/cache\n"
        "  5 items encrypted, 4.9 KiB in 1.0 s\n"
        "  Left alone, and worth another try:\n"
        "      2 open in another program\n"
        "        mail/inbox.mbox  thunderbird (pid 812)\n"
        "        d/long-long-l…long-long-long-long-name  a (pid 7) and b\\u001b[1m (pid 8)\n"
        "  Left alone until somebody sees to it:\n"
        "      7 has more than one name (hard links)\n"
        "        link-0\n"
        "        link-1\n"
        "        link-2\n"
        "        link-3\n"
        "        link-4\n"
        "        … and 2 more\n"
        "      1 encrypted content fails its check; left exactly as it is\n"
        "        old\\nname  the header has been altered\n"
        "  Nothing to do for:\n"
        "      1 empty: holds nothing to protect (none)\n"
        "Partial: 10 items not encrypted.\n"
        "To finish, once that is seen to: cscd recheck cache"
    )
    assert max(map(len, text.splitlines())) <= 80


def test_a_stopped_pass_says_how_to_finish() -> None:
    """And that nothing was rolled back."""
    assert summary(finished(Tally(converted=2, converted_bytes=10, untouched=9), stopped=True)) == (
        "/home/alice/cache\n"
        "  2 items encrypted, 10 B in 1.0 s\n"
        "  9 items found and not begun; the search for more was not finished\n"
        "Stopped, partial: what is encrypted stays so, nothing was rolled back.\n"
        "To finish: cscd recheck cache"
    )


def test_a_dry_run_promises_nothing() -> None:
    """It says what would be done."""
    assert summary(finished(Tally(converted=2, complete=True)), looking=True) == (
        "/home/alice/cache\n  2 items would be encrypted in 1.0 s\nDry run: nothing was changed."
    )


def test_several_directories_have_a_total() -> None:
    """Also where one of them could not be begun."""
    busy = Finished("/srv", error=BusyError("another pass is at work on /srv (pid 5)"))
    assert summary(finished(Tally(right=2, complete=True)), busy, state=State.UNENCRYPTED) == (
        "/home/alice/cache\n"
        "  2 items were unencrypted before, checked in 1.0 s\n"
        "\n"
        "/srv\n"
        "  another pass is at work on /srv (pid 5)\n"
        "  Not begun.\n"
        "\n"
        "All 2 directories\n"
        "  0 items unencrypted, 0 B; 2 were before\n"
        "Partial: not everything is known to be unencrypted.\n"
        "To finish: cscd recheck cache"
    )


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_fits_on_a_line(reason: Reason) -> None:
    """With its count."""
    tally = Tally(complete=True, left=Counter({reason: 1_000_000}))
    tally.first[reason] = []
    assert max(map(len, summary(finished(tally)).splitlines())) <= 80
