"""What is shown of the passes that the service makes for a call."""

import re
from typing import Any

import pytest

from cscd.cli.names import width
from cscd.cli.terminal import Terminal
from cscd.cli.underway import Reached, UnderWay
from cscd.daemon.telling.status import CallerStatus, OperationStatus, RunningPass, UserStatus
from cscd.files.goal import State
from tests.daemon import statuses

GIB = 1 << 30
NOW = statuses.NOW


def user(name: str = "ab", *, called: bool = True, **facts: Any) -> UserStatus:  # noqa: ANN401 - of the pass
    """Give a user with a pass of that name under way."""
    operation = OperationStatus(
        goal=State.ENCRYPTED,
        background=False,
        began=NOW - 10,
        waiting=1,
        callers=(CallerStatus(name="alice", uid=1000),),
    )
    counts = {"items": 250, "found": 1000, "bytes": GIB, "found_bytes": 2 * GIB}
    running = RunningPass(
        id=name, trigger="call", goal=State.ENCRYPTED, began=NOW - 10, **{**counts, **facts}
    )
    return statuses.user(operation=operation if called else None, running=running)


class Drawn(Terminal):
    """A terminal of some width that keeps what is drawn on it."""

    def __init__(self, columns: int, *, interactive: bool = True) -> None:
        super().__init__({})
        self.interactive = interactive
        self.drawn = ""
        self._width = columns

    def columns(self, fd: int = 1) -> int:
        """Return the width."""
        del fd
        return self._width

    def draw(self, text: str) -> None:
        """Keep it."""
        self.drawn += text

    @property
    def line(self) -> str:
        """What is on the line that changes."""
        return self.drawn.rpartition("\r")[2].removesuffix("\x1b[K")


def shown(columns: int, *users: UserStatus, stopping: bool = False) -> str:
    """Return the line that is shown for users."""
    terminal = Drawn(columns)
    progress = UnderWay(terminal, State.ENCRYPTED)
    progress.stopping = stopping
    progress.show(users, NOW)
    return terminal.line


def test_everything_is_on_one_line() -> None:
    """The bar by bytes or by number, whichever is less; the rate since the pass began."""
    assert re.fullmatch(
        r"\[######\.{18}\] 25 %, 250 of 1,000 items, 1\.0 GiB of 2\.0 GiB, 10[123] MiB/s, 30 s left",
        shown(200, user()),
    )


@pytest.mark.parametrize("columns", [20, 30, 40, 60, 80, 132])
@pytest.mark.parametrize("stopping", [False, True])
def test_it_fits_the_terminal(columns: int, stopping: bool) -> None:
    """Without what matters less; how much is done, and of how much, is there wherever it has room."""
    line = shown(columns, user(found=12_345_678, items=1_234_567, waiting=99), stopping=stopping)
    assert width(line) < columns
    assert columns < 60 or "1,234,567 of 12,345,678 items" in line
    assert columns < 60 or line.startswith("stopping ") == stopping
    assert not (stopping and "left" in line)


def test_passes_of_several_users_are_added_up() -> None:
    """Only those of calls: another one is nobody's who waits."""
    reached = Reached.of([user("a", items=1), user("b", items=2), user("c", called=False, items=4)])
    assert (reached.passes, reached.finished, reached.found) == (("a", "b"), 3, 2000)


def test_before_there_is_anything_to_count_that_is_said() -> None:
    """And nothing at all before the service is at it: somebody may be typing a password."""
    waiting = user().model_copy(update={"running": None})
    assert shown(80, waiting) == "encrypting: waiting for its turn"
    assert shown(80, user(items=0, found=0)) == "encrypting: looking for files"
    assert shown(80, user(called=False)) == ""


def test_what_is_no_terminal_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole, without a bar."""
    now = 100.0
    monkeypatch.setattr("cscd.cli.underway.time.monotonic", lambda: now)
    terminal = Drawn(80, interactive=False)
    progress = UnderWay(terminal, State.UNENCRYPTED)
    for _ in range(25):
        now += 1
        progress.show([user()], NOW)
    progress.close()
    lines = terminal.drawn.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("cscd: unencrypting: 25 %, 250 of 1,000 items, 1.0 GiB of 2.0 GiB")


def test_the_line_is_gone_in_the_end() -> None:
    """Whatever it said."""
    terminal = Drawn(80)
    progress = UnderWay(terminal, State.ENCRYPTED)
    progress.show([user()], NOW)
    progress.close()
    assert terminal.line == ""
