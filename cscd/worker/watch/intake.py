"""The kernel's events, read by a thread of watchdog's and kept for ours until it comes for them.

Of watchdog this is its lower layer, `InotifyFD`: one inotify instance, the thread that reads it, and a
callback for each watched directory. Its observers above that are not for us: they follow mounts into
other filesystems, look paths up by name, pass over in silence what they cannot watch, and hold every
event behind a file that was moved out back for half a second.

The thread does nothing but keep: whatever it waited for, the kernel's queue would fill meanwhile.
"""

import os
from collections import deque
from typing import Final, NamedTuple

from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, InotifyFD, WatchDescriptor

#: Events kept at most, as many as the kernel's queue holds by default (fs.inotify.max_queued_events).
#: When there are more, it is an overflow like the kernel's.
_MOST: Final = 16384

IGNORED: Final = int(InotifyConstants.IN_IGNORED)


class Event(NamedTuple):
    """One event (inotify(7))."""

    wd: int
    mask: int
    cookie: int
    name: bytes


class Wake:
    """Wakes our thread from watchdog's: once for all events until it has come."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._called = False

    def call(self) -> None:
        """Wake our thread, unless that was done: the call lets go of the interpreter, and costs a turn."""
        if not self._called:
            self._called = True
            os.eventfd_write(self.fd, 1)

    def heard(self) -> None:
        """Let the descriptor be quiet; `call` stays without effect until `answered`."""
        os.eventfd_read(self.fd)

    def answered(self) -> None:
        """Be woken again by the next event: called before the events are taken, so that none waits."""
        self._called = False


class Intake:
    """The events of one root's watches. watchdog's thread puts in, ours takes out; a deque needs no lock."""

    def __init__(self, wake: Wake) -> None:
        self._wake = wake
        self._events: deque[Event] = deque()
        self._overflowed = False

    def on_event(self, event: InotifyEvent) -> None:
        """Keep an event (called by watchdog)."""
        self._keep(Event(event.wd, event.mask, event.cookie, event.name))

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """Keep that a watch has ended, its directory being gone (called by watchdog)."""
        self._keep(Event(wd, IGNORED, 0, b""))

    def on_queue_overflow(self) -> None:
        """Note that the kernel dropped events (called by watchdog)."""
        self._overflowed = True
        self._wake.call()

    def _keep(self, event: Event) -> None:
        if len(self._events) < _MOST:
            self._events.append(event)
        else:
            self._overflowed = True
        self._wake.call()

    def take(self) -> list[Event]:
        """Take all events that are there now."""
        events = self._events
        return [events.popleft() for _ in range(len(events))]

    def overflowed(self) -> bool:
        """Whether events were dropped since this was last asked."""
        overflowed, self._overflowed = self._overflowed, False
        return overflowed


class Reader(InotifyFD):
    """An inotify instance and its thread, whose end does not go unnoticed."""

    def __init__(self, wake: Wake) -> None:
        """Make the instance.

        Raises OSError: EMFILE where the user has too many (fs.inotify.max_user_instances).
        """
        super().__init__()
        self._wake = wake
        self.died = False
        """Whether the thread has ended, whatever the reason."""

    def watched(self) -> set[int]:
        """Return the numbers of all watches that the kernel has (proc_pid_fdinfo(5)).

        Raises OSError.
        """
        with open(f"/proc/self/fdinfo/{self._inotify_fd}", "rb") as lines:
            return {int(line.split()[1][3:], 16) for line in lines if line.startswith(b"inotify wd:")}

    def run(self) -> None:
        """Read until told to stop; run by the thread."""
        try:
            super().run()
        except Exception:  # noqa: BLE001 - whatever it is: the thread is gone, and is replaced
            return
        finally:
            self.died = True
            self._wake.call()
