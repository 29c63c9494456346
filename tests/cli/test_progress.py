"""What a pass shows while it runs."""

import os
import re
import time
from pathlib import Path

import pytest

from cscd.cli.interrupts import Interrupts
from cscd.cli.names import width
from cscd.cli.pace import Pace
from cscd.cli.progress import Progress, waiting_line
from cscd.cli.terminal import OUT, Terminal
from cscd.files.outcome import Holder, Outcome, Reason, Result
from cscd.worker.passes.recheck import Waiting
from cscd.worker.passes.tally import Tally
from tests.cli.shell import Shell

GIB = 1 << 30


class Screen(Terminal):
    """A terminal that keeps what is drawn on it, interactive or not."""

    def __init__(self, *, interactive: bool) -> None:
        super().__init__({})
        self.interactive = interactive
        self.drawn: list[str] = []

    def columns(self, fd: int = OUT) -> int:
        """Be as wide as most."""
        del fd
        return 80

    def draw(self, text: str) -> None:
        """Keep the text."""
        self.drawn.append(text)


def busy_tally() -> Tally:
    """A pass in its middle."""
    tally = Tally(right=1000, found=5000, finished=2000, converted=1995, found_bytes=3 * GIB, read_bytes=GIB)
    tally.left[Reason.OPEN_ELSEWHERE] = 4
    tally.left[Reason.EMPTY] = 9
    tally.waiting = 3
    return tally


def waiting(path: str = "mail/inbox.mbox", *holders: Holder) -> Waiting:
    """A pass that waits for one item, for 20 s from now."""
    result = Result(Outcome.LEFT, Reason.OPEN_ELSEWHERE, holders=holders or (Holder(812, "thunderbird"),))
    return Waiting(1, 20.0, path, result)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give a clock that stands until the test moves it."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_terminal_shows_items_bytes_rate_time_and_skips(clock: list[float]) -> None:
    """On one line, as long as it is wide enough."""
    screen = Screen(interactive=True)
    shown = Progress(screen, "/cache", "encrypting", Interrupts(screen))
    shown(Tally(), None)
    clock[0] += 2
    shown(busy_tally(), None)
    assert screen.drawn[-1] == (
        "\rencrypting: 3,000 of 6,000 items, 1.0 GiB of 3.0 GiB, 512 MiB/s, 4.0 s left\x1b[K"
    )


@pytest.mark.parametrize("columns", [10, 20, 40, 79, 120])
def test_a_narrow_terminal_shows_less(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """Never more than one line, so that it can be drawn over."""
    monkeypatch.setattr(Screen, "columns", lambda *_: columns)
    screen = Screen(interactive=True)
    shown = Progress(screen, "/cache", "encrypting", Interrupts(screen))
    for tally, wait in ((busy_tally(), None), (busy_tally(), waiting("日本" * 50))):
        clock[0] += 2
        shown(tally, wait)
        assert width(screen.drawn[-1][1:].removesuffix("\x1b[K")) < columns


def test_a_terminal_is_drawn_ten_times_a_second_at_most(clock: list[float]) -> None:
    """However often the pass calls."""
    screen = Screen(interactive=True)
    shown = Progress(screen, "/cache", "encrypting", Interrupts(screen))
    for _ in range(1000):
        clock[0] += 0.001
        shown(Tally(), None)
    assert 9 <= len(screen.drawn) <= 11


def test_the_line_is_taken_away_at_the_end(clock: list[float]) -> None:
    """The summary begins on an empty line; nothing is drawn where nothing was."""
    screen = Screen(interactive=True)
    shown = Progress(screen, "/cache", "encrypting", Interrupts(screen))
    shown.close()
    assert not screen.drawn
    shown(Tally(), None)
    clock[0] += 1
    shown.close()
    assert screen.drawn[-1] == "\r\x1b[K"


def test_elsewhere_a_line_is_said_every_ten_seconds(clock: list[float]) -> None:
    """With the path, and with nothing but text."""
    screen = Screen(interactive=False)
    shown = Progress(screen, "/ca\nche", "encrypting", Interrupts(screen))
    for _ in range(3600):
        clock[0] += 0.01
        shown(busy_tally(), None)
    assert len(screen.drawn) == 3
    assert screen.drawn[-1].startswith("cscd: encrypting /ca\\nche: 3,000 of 6,000 items, ")
    assert screen.drawn[-1].endswith(", 7 skipped\n")


def test_elsewhere_waiting_is_said_at_once(clock: list[float]) -> None:
    """And then like everything else."""
    screen = Screen(interactive=False)
    shown = Progress(screen, "/cache", "encrypting", Interrupts(screen))
    for _ in range(500):
        clock[0] += 0.01
        shown(busy_tally(), waiting())
    assert len(screen.drawn) == 1


def test_waiting_names_the_item_and_its_holder() -> None:
    """With the time and the way out."""
    assert waiting_line(waiting(), 0.0, 0) == (
        "waiting 20 s for 1 item: mail/inbox.mbox, open in thunderbird (pid 812); Ctrl-C stops"
    )
    assert waiting_line(waiting(), 0.0, 79) == (
        "waiting 20 s: mail/inbox.mbox, thunderbird (pid 812); Ctrl-C stops"
    )
    assert waiting_line(waiting("inbox", Holder(8, "vim")), 0.0, 79) == (
        "waiting 20 s for 1 item: inbox, open in vim (pid 8); Ctrl-C stops"
    )


def test_a_holder_cannot_speak_to_the_terminal() -> None:
    """Its name is its own choice, too."""
    assert waiting_line(waiting("a\x1b", Holder(8, "\x1b[2J")), 0.0, 0).isprintable()


def test_an_unknown_holder_leaves_the_reason() -> None:
    """Processes of other users stay hidden."""
    nobody = Waiting(1, 20.0, "file", Result(Outcome.LEFT, Reason.OPENED_MEANWHILE))
    assert "file, opened by another program meanwhile;" in waiting_line(nobody, 0.0, 0)


def test_the_time_left_follows_the_slower_of_bytes_and_items() -> None:
    """Many small items are still to come when the large one has been read."""
    pace = Pace(0.0)
    tally = Tally(found=1000, finished=100, converted=100, found_bytes=GIB, read_bytes=GIB)
    pace.note(2.0, tally)
    assert pace.time_left(tally) == pytest.approx(18.0)
    assert pace.rate() == GIB / 2


def test_nothing_is_estimated_too_early() -> None:
    """A rate over a moment says nothing."""
    pace = Pace(0.0)
    tally = Tally(found=10, finished=1, converted=1, found_bytes=10, read_bytes=1)
    pace.note(0.1, tally)
    assert (pace.rate(), pace.time_left(tally)) == (0.0, 0.0)


def test_the_rate_forgets() -> None:
    """It is that of the last seconds."""
    pace = Pace(0.0)
    for second in range(1, 31):
        pace.note(float(second), Tally(read_bytes=min(second, 10) * 1000))
    assert pace.rate() == 0.0


def test_a_real_terminal_shows_it_and_is_clean_afterwards(shell: Shell, cache: Path) -> None:
    """From the wait to the summary, and Ctrl-C typed at it."""
    with open(cache / "one", "rb"), shell.on_terminal("recheck", "--retry-for", "1h", "cache") as running:
        said = running.until(r"waiting [^\r]*one, [^\r]*Ctrl-C stops")
        assert f"(pid {os.getpid()})" in said
        running.type(b"\x03")
        done = running.end()
    assert "Stopped, partial" in done.text
    assert re.search(r"\r\x1b\[K\x1b\[1m/", done.text)


def test_a_dumb_terminal_gets_plain_lines(shell: Shell, cache: Path) -> None:
    """It could not draw over a line."""
    shell.variables["TERM"] = "dumb"
    with open(cache / "one", "rb"), shell.on_terminal("recheck", "--retry-for", "1h", "cache") as running:
        running.until("Ctrl-C stops\r\n")
        running.type(b"\x03")
        assert b"\x1b" not in running.end().out
