"""The summary of a command: every line of it."""

from collections import Counter

import pytest

from cscd.cli.exitcodes import ExitCode
from cscd.cli.finished import Finished, Whole
from cscd.cli.summary import print_summary
from cscd.cli.terminal import OUT, UNLIMITED, Terminal
from cscd.errors import BusyError, WorkersDiedError
from cscd.files.goal import State
from cscd.files.outcome import Holder, Outcome, Reason, Result
from cscd.worker.passes.tally import Left, Tally


class Recorder(Terminal):
    """A terminal of so many columns that keeps what is printed on it."""

    def __init__(self, columns: int) -> None:
        super().__init__({})
        self.lines: list[str] = []
        self._width = columns

    def columns(self, fd: int = OUT) -> int:
        """Return them."""
        del fd
        return self._width

    def print(self, line: str = "") -> None:
        """Keep a line."""
        self.lines.append(line)


def summary(
    *trees: Finished, state: State = State.ENCRYPTED, looking: bool = False, columns: int = 80
) -> str:
    """Print a summary and return it."""
    recorder = Recorder(columns)
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
        "  9 items not done; the search for more was not finished\n"
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


def test_a_search_that_was_finished_is_not_said_to_be_cut() -> None:
    """A pass that is stopped in its last item has found everything."""
    text = summary(finished(Tally(untouched=1, walked=True), stopped=True))
    assert "\n  1 item not done\n" in text


def test_items_of_another_key_are_told() -> None:
    """They count as right, and yet the key asked for does not open them."""
    text = summary(finished(Tally(right=3, other_key=2, complete=True)))
    assert text.endswith("\n  2 of them are encrypted for other recipients (cscd inspect shows their key)")


@pytest.mark.parametrize(
    "count, looking, line",
    [
        (1, False, "  1 leftover of a killed pass removed"),
        (2, False, "  2 leftovers of a killed pass removed"),
        (2, True, "  2 leftovers of a killed pass would be removed"),
    ],
)
def test_leftovers_are_told(count: int, looking: bool, line: str) -> None:
    """What is deleted in a user's directory is said."""
    text = summary(finished(Tally(right=3, cleaned=count, complete=True)), looking=looking)
    assert line in text.splitlines()


def test_a_pass_whose_processes_were_killed_tells_what_it_had_done() -> None:
    """And to repeat the command."""
    tree = finished(Tally(converted=2, converted_bytes=10, untouched=3, walked=True))
    tree.error = WorkersDiedError("all converter processes have died")
    assert Whole(State.ENCRYPTED, looking=False, trees=(tree,)).code == ExitCode.SYSTEM
    assert summary(tree) == (
        "/home/alice/cache\n"
        "  all converter processes have died\n"
        "  2 items encrypted, 10 B in 1.0 s\n"
        "  3 items not done\n"
        "Partial: 3 items not encrypted.\n"
        "To finish: cscd recheck cache"
    )


@pytest.mark.parametrize(
    "reason, text",
    [
        (Reason.NO_PERMISSION, "2 items or directories"),
        (Reason.OTHER_FILESYSTEM, "2 items or directories"),
        (Reason.DAMAGED, "2 items"),
    ],
)
def test_what_may_be_a_directory_is_not_called_an_item(reason: Reason, text: str) -> None:
    """One that cannot be entered counts once, however much is in it."""
    assert f"Partial: {text} not encrypted." in summary(
        finished(Tally(complete=True, left=Counter({reason: 2})))
    )


def test_elsewhere_nothing_loses_its_middle() -> None:
    """A file or a pipe is as wide as it takes."""
    tally = Tally(complete=True)
    name, detail = "d/" + "long-" * 100, "a sentence that says it all " * 10
    tally.leave(name, left(Reason.METADATA, detail=detail))
    tally.leave(name, left(Reason.EMPTY))
    lines = summary(finished(tally), columns=UNLIMITED).splitlines()
    assert f"        {name}  {detail}" in lines
    assert f"      1 empty: holds nothing to protect ({name})" in lines


def test_a_detail_gets_what_the_name_leaves() -> None:
    """Not half of the line."""
    tally = Tally(complete=True)
    detail = "the group cannot be kept: Operation not permitted (EPERM)"
    tally.leave("short", left(Reason.METADATA, detail=detail))
    assert f"        short  {detail}" in summary(finished(tally)).splitlines()


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("reason", Reason)
def test_every_reason_fits_on_lines(reason: Reason, columns: int) -> None:
    """With its count and names, wrapped between words."""
    for names in ([], ["short"], ["d/" + "long-" * 30] * 3):
        tally = Tally(complete=True, left=Counter({reason: 1_000_000}))
        tally.first[reason] = [Left(name, left(reason, detail="why " * 30)) for name in names]
        lines = summary(finished(tally), columns=columns).splitlines()
        assert max(len(line) for line in lines if not line.startswith("To finish")) <= columns
        text = " ".join(" ".join(lines).split())
        assert reason.meaning in text
        assert "()" not in text
