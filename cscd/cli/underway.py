"""What is shown of the passes that the service makes for a call: a bar on a terminal, else some lines.

The numbers come from the service's status, where they change about once a second.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cscd.cli import quantities
from cscd.cli.names import fitted, width
from cscd.cli.pace import Pace
from cscd.cli.terminal import ERR, UNLIMITED, Terminal
from cscd.daemon.telling.status import UserStatus
from cscd.files.goal import State

SAY_EVERY: Final = 10.0
"""Seconds between two lines on what is no terminal."""
_BAR: Final = 24
"""Cells of a bar at most."""
_LEAST_BAR: Final = 8
"""Cells of one that is worth its room."""
_SPARED_FIRST: Final = ("waiting", "bytes", "rate", "left")
"""What a narrow terminal has no room for, in this order."""
_ERASE_REST: Final = "\x1b[K"
"""EL of ECMA-48."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How far the passes are together; see `cscd.cli.pace.Amounts`."""

    passes: tuple[str, ...] = ()
    began: float = 0.0
    """When the first of them did."""
    finished: int = 0
    found: int = 0
    read_bytes: int = 0
    found_bytes: int = 0
    waiting: int = 0

    @property
    def converted(self) -> int:
        """As many as are finished: the service does not tell them apart before the end."""
        return self.finished

    @property
    def part(self) -> float:
        """How much of what was found is done: by bytes and by number, the lesser of both."""
        by_number = self.finished / self.found if self.found else 0.0
        by_bytes = self.read_bytes / self.found_bytes if self.found_bytes else by_number
        return min(1.0, by_number, by_bytes)

    @classmethod
    def of(cls, users: Iterable[UserStatus]) -> "Reached":
        """Add up what is under way for these users by a call."""
        under_way = [user.running for user in users if user.running and user.operation]
        return cls(
            tuple(each.id for each in under_way),
            min((each.began for each in under_way), default=0.0),
            sum(each.items for each in under_way),
            sum(each.found for each in under_way),
            sum(each.bytes for each in under_way),
            sum(each.found_bytes for each in under_way),
            sum(each.waiting for each in under_way),
        )


class UnderWay:
    """The progress of the calls of one command."""

    def __init__(self, terminal: Terminal, goal: State) -> None:
        """Take where to show it, and what is being done."""
        self._terminal = terminal
        self._verb = "encrypting" if goal is State.ENCRYPTED else "unencrypting"
        self._passes: tuple[str, ...] = ()
        self._pace = Pace(time.monotonic())
        self._next = time.monotonic() + SAY_EVERY
        self._drawn = False
        self.stopping = False
        """Whether somebody asked to stop."""

    def show(self, users: Iterable[UserStatus], at: float) -> None:
        """Show how far it is, if it is time to; nothing before the service is at it.

        Args:
            users: whose passes these are.
            at: when the service said so, by its clock.
        """
        users = [user for user in users if user.operation]
        if not users:
            return
        now = time.monotonic()
        reached = Reached.of(users)
        if reached.passes != self._passes:
            self._passes, self._pace = reached.passes, Pace(now - max(0.0, at - reached.began))
        self._pace.note(now, reached)
        if self._terminal.interactive:
            columns = self._terminal.columns(ERR) - 1
            self._terminal.draw(f"\r{self._line(reached, columns)}{_ERASE_REST}")
            self._drawn = True
        elif now >= self._next:
            self._next = now + SAY_EVERY
            self._terminal.say(self._line(reached, 0))

    def close(self) -> None:
        """Take the line off the terminal."""
        if self._drawn:
            self._terminal.draw(f"\r{_ERASE_REST}")
            self._drawn = False

    def _line(self, reached: Reached, columns: int) -> str:
        """Say everything, less on a narrow terminal; 0 columns stand for no terminal, and no bar."""
        verb = "stopping" if self.stopping else self._verb
        if not reached.passes:
            return fitted(f"{verb}: waiting for its turn", columns or UNLIMITED)
        if not reached.found:
            return fitted(f"{verb}: looking for files", columns or UNLIMITED)
        parts = dict(self._parts(reached))
        if not columns:
            return f"{verb}: {', '.join(parts.values())}"
        if self.stopping:
            parts.pop("left", None)
        before = f"{verb} " if self.stopping else ""
        room = columns - width(before) - len("[] ") - _LEAST_BAR
        for name in _SPARED_FIRST:
            if width(", ".join(parts.values())) > room:
                parts.pop(name, None)
        text = ", ".join(parts.values())
        cells = min(_BAR, _LEAST_BAR + room - width(text))
        bar = f"[{'#' * int(reached.part * cells):.<{cells}}] " if cells >= _LEAST_BAR else ""
        return fitted(f"{before}{bar}{text}", columns)

    def _parts(self, reached: Reached) -> Iterator[tuple[str, str]]:
        """Yield what there is to say, each with its name."""
        yield "part", f"{int(reached.part * 100)} %"
        yield "items", f"{reached.finished:,} of {quantities.items(reached.found)}"
        yield "bytes", f"{quantities.size(reached.read_bytes)} of {quantities.size(reached.found_bytes)}"
        if rate := self._pace.rate():
            yield "rate", f"{quantities.size(rate)}/s"
        if left := self._pace.time_left(reached):
            yield "left", f"{quantities.seconds(left)} left"
        if reached.waiting:
            yield "waiting", f"{reached.waiting:,} to be tried again"
