"""Hearing that a root that is waited for may have come: a filesystem was mounted, or a directory made.

Hints only; the timers of the roots are there anyway.
"""

import os
from typing import Final

_MOUNTS: Final = "/proc/self/mountinfo"


class Mounts:
    """Changes of what is mounted: poll(2) reports them as POLLPRI (proc_pid_mountinfo(5))."""

    def __init__(self) -> None:
        """Begin to listen; what comes from now on is reported once."""
        self._fd = os.open(_MOUNTS, os.O_RDONLY | os.O_CLOEXEC)

    def fileno(self) -> int:
        """Return the descriptor, to be polled for POLLPRI."""
        return self._fd

    def close(self) -> None:
        """Stop listening."""
        os.close(self._fd)
