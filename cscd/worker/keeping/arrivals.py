"""Hearing that a root may have come or gone: a filesystem was mounted or unmounted, or a directory made.

Hints only; the timers of the roots are there anyway.
"""

import contextlib
import os
import select
from collections.abc import Collection
from typing import Final

from cscd.worker import kernel

_MOUNTS: Final = "/proc/self/mountinfo"
#: Bytes of events taken at once: more than so few watches can have told.
_EVENTS: Final = 1 << 16


class Arrivals:
    """Listens for changes of what is mounted, and for new entries where awaited paths will lead through."""

    def __init__(self) -> None:
        """Begin with nothing to listen for."""
        self._mounts = -1
        self._entries = -1

    def listen(self, awaited: Collection[str], *, mounts: bool) -> None:
        """Listen for what the awaited paths need to come, and for `mounts` if those matter.

        New entries are heard once; then this is to be called again.
        """
        if mounts and self._mounts < 0:
            # poll(2) reports changes as POLLPRI, each once (proc_pid_mountinfo(5)).
            self._mounts = os.open(_MOUNTS, os.O_RDONLY | os.O_CLOEXEC)
        elif not mounts:
            self._mounts = _closed(self._mounts)
        if not awaited:
            self._entries = _closed(self._entries)
            return
        if self._entries < 0:
            with contextlib.suppress(OSError):  # the user has too many inotify instances
                self._entries = kernel.inotify()
        for path in awaited:
            self._listen_above(path)

    def _listen_above(self, path: str) -> None:
        """Listen in the nearest directory above a path that is there."""
        while path != "/":
            path = os.path.dirname(path)
            with contextlib.suppress(OSError):
                kernel.watch_entries(self._entries, path)
                return

    def register(self, poll: "select.poll") -> None:
        """Have a poll wait for what is listened for."""
        if self._mounts >= 0:
            poll.register(self._mounts, select.POLLPRI)
        if self._entries >= 0:
            poll.register(self._entries, select.POLLIN)

    def heard(self, ready: Collection[int]) -> bool:
        """Whether something was heard, given the descriptors that a poll found ready."""
        if self._entries in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._entries, _EVENTS)
        return not {self._mounts, self._entries}.isdisjoint(ready)


def _closed(fd: int) -> int:
    """Close a descriptor if it is one; returns what stands for none."""
    if fd >= 0:
        os.close(fd)
    return -1
