"""polkit's own textual agent, for this process: it asks for a password on our terminal.

pkttyagent(1). It is registered for the process that calls the service and for nothing else, and ends with it.
"""

import os
import select
import signal
import subprocess
from types import TracebackType
from typing import Final, Self

from cscd.cli import tty
from cscd.cli.terminal import Terminal
from cscd.worker.kernel import die_with_parent

PROGRAM: Final = "pkttyagent"
_READY_SECONDS: Final = 10.0
"""For the agent to be registered with polkit."""
_END_SECONDS: Final = 2.0
"""For it to end; it takes itself off the list of agents before."""


class Pkttyagent:
    """The agent, while the ``with`` block lasts; where there can be none, that is said, and nothing else."""

    def __init__(self, terminal: Terminal) -> None:
        """Take where to say that there is none."""
        self._terminal = terminal
        self._process: subprocess.Popen[bytes] | None = None
        self._settings: tty.Settings | None = None
        """Of the terminal, which an agent that is ended leaves as they were while a password is typed."""

    def __enter__(self) -> Self:
        """Start it, and wait until polkit knows it."""
        self._settings = tty.settings()
        ready, theirs = os.pipe()
        # Not --fallback: the desktop's agent would be asked instead, and for a process that is in no session
        # of logind's polkit asks no agent at all.
        command = [PROGRAM, "--process", str(os.getpid()), "--notify-fd", str(theirs)]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - none of it is given
                command,
                pass_fds=(theirs,),
                preexec_fn=_end_with_us,  # noqa: PLW1509 - there is no other thread yet
            )
        except OSError as error:
            self._terminal.say(
                f"no password can be asked for: {PROGRAM} of polkit: {os.strerror(error.errno or 0)}"
            )
        finally:
            os.close(theirs)
        try:
            # It closes its end when it is registered, or when it ends.
            if self._process and not select.select([ready], [], [], _READY_SECONDS)[0]:
                self._terminal.say(f"no password can be asked for: {PROGRAM} is not ready")
        finally:
            os.close(ready)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, and have the terminal as it was."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        tty.restore(self._settings)


def _end_with_us() -> None:
    """Have the agent end also if we are killed: it would go on to ask at the terminal."""
    die_with_parent(signal.SIGTERM)
