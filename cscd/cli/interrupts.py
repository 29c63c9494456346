"""SIGINT, SIGTERM and SIGHUP during a pass: the first asks it to stop, the second ends it at once."""

import os
import signal
from types import FrameType, TracebackType
from typing import Any, Final, Protocol, Self

from cscd.cli.exitcodes import ExitCode
from cscd.cli.terminal import Terminal

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stoppable(Protocol):
    """What can be stopped: a pass, a recovery, a drill."""

    def stop(self) -> None:
        """Stop soon. May be called from a signal handler."""


class Interrupts:
    """What the signals stop, while the ``with`` block lasts."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._pass: Stoppable | None = None
        self._before: dict[signal.Signals, Any] = {}
        self.requested = False
        """Whether somebody asked to stop."""

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            # nohup(1) and a shell's background jobs ignore some of them, and mean it.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def watch(self, running: Stoppable) -> None:
        """Stop this pass from now on, at once if that was asked for already."""
        self._pass = running
        if self.requested:
            running.stop()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.requested:
            self._terminal.draw("\n")
            self._terminal.say("ended at once; every item is whole, repeat the command to finish")
            # The converter processes end with this one, and an item is whole at every instant.
            os._exit(ExitCode.CANCELLED)
        self.requested = True
        if not self._terminal.interactive:  # there the progress says so
            self._terminal.say("stopping after the chunk at hand; a second signal ends at once")
        if self._pass:
            self._pass.stop()
