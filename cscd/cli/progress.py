"""What a pass shows while it runs: a line that changes on a terminal, else a plain line now and then.

The pass calls it between two answers of its converter processes; no thread draws. The line is made for the
width that the terminal has at that moment.
"""

import time
from typing import Final

from cscd.cli import quantities
from cscd.cli.holders import because, holder
from cscd.cli.interrupts import Interrupts
from cscd.cli.names import fitted, shown, width
from cscd.cli.pace import Pace
from cscd.cli.terminal import ERR, Terminal
from cscd.files.outcome import Lasting
from cscd.worker.passes.recheck import Waiting
from cscd.worker.passes.tally import Tally

DRAW_EVERY: Final = 0.1
"""Seconds between two lines on a terminal."""
SAY_EVERY: Final = 10.0
"""Seconds between two lines elsewhere."""
_LEAST_NAME: Final = 16
"""Columns of a long name that still say something."""
_ERASE_REST: Final = "\x1b[K"
"""EL of ECMA-48."""


class Progress:
    """The progress of one pass; give it to the pass as its watcher."""

    def __init__(self, terminal: Terminal, path: str, verb: str, interrupts: Interrupts) -> None:
        """`verb` says what is being done: "encrypting"."""
        self._terminal = terminal
        self._interrupts = interrupts
        self._path = shown(path)
        self._verb = verb
        self._begun = time.monotonic()
        self._next = self._begun + (0 if terminal.interactive else SAY_EVERY)
        self._pace = Pace(self._begun)
        self._drawn = False
        self._waited = False

    def __call__(self, tally: Tally, waiting: Waiting | None) -> None:
        """Show where the pass is, if it is time to."""
        now = time.monotonic()
        if waiting and not self._waited and not self._terminal.interactive:
            self._next = now
        self._waited = self._waited or waiting is not None
        if now < self._next or (self._waited and not waiting and not _working(tally)):
            return
        interactive = self._terminal.interactive
        self._next = now + (DRAW_EVERY if interactive else SAY_EVERY)
        self._pace.note(now, tally)
        columns = self._terminal.columns(ERR) - 1 if interactive else 0
        line = waiting_line(waiting, now, columns) if waiting else self._line(tally, columns)
        if interactive:
            self._terminal.draw(f"\r{line}{_ERASE_REST}")
            self._drawn = True
        else:
            self._terminal.say(line)

    def close(self) -> None:
        """Take the line off the terminal."""
        if self._drawn:
            self._terminal.draw(f"\r{_ERASE_REST}")
            self._drawn = False

    def _line(self, tally: Tally, columns: int) -> str:
        """Say everything; on a narrow terminal the last parts are left out."""
        rate = self._pace.rate()
        parts = [
            f"{tally.right + tally.finished:,} of {quantities.items(tally.right + tally.found)}",
            f"{quantities.size(tally.read_bytes)} of {quantities.size(tally.found_bytes)}",
        ]
        if rate:
            parts.append(f"{quantities.size(rate)}/s")
        if self._interrupts.requested:
            parts.insert(0, "stopping")
        elif left := self._pace.time_left(tally):
            parts.append(f"{quantities.seconds(left)} left")
        if skipped := skips(tally):
            parts.append(f"{skipped:,} skipped")
        return _joined(self._verb, self._path, parts, columns)


def _joined(verb: str, path: str, parts: list[str], columns: int) -> str:
    """Put the parts on a line; `columns` of 0 is as wide as it takes, and only then is the path named."""
    if not columns:
        return f"{verb} {path}: {', '.join(parts)}"
    line = f"{verb}: {parts[0]}"
    for part in parts[1:]:
        if width(line) + len(", ") + width(part) <= columns:
            line += f", {part}"
    return fitted(line, columns)


def _working(tally: Tally) -> bool:
    """Whether there is more to do than to try again what waits."""
    return tally.finished + tally.waiting < tally.found


def waiting_line(waiting: Waiting, now: float, columns: int) -> str:
    """Say for what the pass waits, for whom, how long, and what to do about it."""
    rest = quantities.seconds(max(0.0, waiting.until - now))
    name, why = shown(waiting.example), because(waiting.result)
    who = holder(waiting.result) or why
    stop = "; Ctrl-C stops"
    begin = f"waiting {rest} for {quantities.items(waiting.items)}: "
    if not columns:
        return f"{begin}{name}, {why}{stop}"
    for before, after in ((begin, f", {why}{stop}"), (f"waiting {rest}: ", f", {who}{stop}")):
        room = columns - width(before) - width(after)
        if room >= min(width(name), _LEAST_NAME):
            return f"{before}{fitted(name, room)}{after}"
    return fitted(f"waiting {rest}{stop}: {name}", columns)


def skips(tally: Tally) -> int:
    """Return how many items are left alone so far that should not stay so."""
    left = sum(count for reason, count in tally.left.items() if reason.lasting is not Lasting.FINE)
    return left + tally.waiting
