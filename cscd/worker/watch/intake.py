"""The kernel's events, as watchdog reads them.

Of watchdog this is its lower layer, `InotifyFD`: one inotify instance, what it knows of its watches, and a
callback for each watched directory. Its observers above that are not for us: they follow mounts into
other filesystems, look paths up by name, pass over in silence what they cannot watch, and hold every
event behind a file that was moved out back for half a second. Nor is its thread: the worker forks, and has a
loop that can wait for the descriptor as well.
"""

import contextlib
import select
from typing import Final, NamedTuple

from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, InotifyFD, WatchDescriptor

#: Reads in a row, of some 2,000 events each: the kernel's queue has 16,384 by default
#: (fs.inotify.max_queued_events).
_READS: Final = 16

IGNORED: Final = int(InotifyConstants.IN_IGNORED)


class Event(NamedTuple):
    """One event (inotify(7))."""

    wd: int
    mask: int
    cookie: int
    name: bytes


class Intake:
    """The events of one root's watches, kept until somebody takes them."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._overflowed = False

    def on_event(self, event: InotifyEvent) -> None:
        """Keep an event (called by watchdog)."""
        self._events.append(Event(event.wd, event.mask, event.cookie, event.name))

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """Keep that a watch has ended, its directory being gone (called by watchdog)."""
        self._events.append(Event(wd, IGNORED, 0, b""))

    def on_queue_overflow(self) -> None:
        """Note that the kernel dropped events (called by watchdog)."""
        self._overflowed = True

    def take(self) -> list[Event]:
        """Take all events."""
        events, self._events = self._events, []
        return events

    def overflowed(self) -> bool:
        """Whether events were dropped since this was last asked."""
        overflowed, self._overflowed = self._overflowed, False
        return overflowed


class Reader(InotifyFD):
    """An inotify instance, read when there is something; its thread is never started.

    To make one raises OSError: EMFILE where the user has too many (fs.inotify.max_user_instances).
    """

    def fileno(self) -> int:
        """Return the descriptor, to be waited for."""
        return int(self._inotify_fd)

    def read(self) -> bool:
        """Give what has come to the callbacks; False if the instance cannot be read any more."""
        poll = select.poll()
        poll.register(self._inotify_fd, select.POLLIN)
        for _ in range(_READS):
            if not poll.poll(0):  # a read would wait
                return True
            try:
                events = self.read_events()
            except OSError:
                return False
            if not events:
                return False
            for event in events:
                self.handle_event(event)
        return True

    def watched(self) -> set[int]:
        """Return the numbers of all watches that the kernel has (proc_pid_fdinfo(5)).

        Raises OSError.
        """
        with open(f"/proc/self/fdinfo/{self._inotify_fd}", "rb") as lines:
            return {int(line.split()[1][3:], 16) for line in lines if line.startswith(b"inotify wd:")}

    def end(self) -> None:
        """Let go of the instance, and of all watches with it."""
        self._watch_for_wd.clear()  # watchdog would end each by a call of its own, and there may be a million
        self._is_reading = False  # it never is when we come here; watchdog thinks so before the first read
        with contextlib.suppress(OSError):
            self.close()
