"""Hearing when somebody closes a file: hints for the retries, through the watchdog package.

A hint may be late, lost or false; the timers of the retries are there anyway. watchdog takes a thread
for each directory, so only so many are watched, and it looks paths up by name, so that each
directory is given to it by our descriptor.
"""

import contextlib
import os
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import ObservedWatch

from cscd.files.outcome import LeftAlone
from cscd.files.tree import Tree
from cscd.worker.passes.silence import silence_watchdog

#: Directories watched at once; items in others are retried by time alone.
_MOST: Final = 32


class ClosingFiles:
    """Watches directories for files being closed."""

    def __init__(self, tree: Tree) -> None:
        """Prepare; nothing runs before the `with` block."""
        self._tree = tree
        self._observer = Observer()
        self._watched: dict[str, tuple[int, ObservedWatch]] = {}
        self._closed: deque[tuple[str, str, bool]] = deque()
        """Filled by watchdog's threads, emptied by ours; a deque's ends are safe without a lock."""
        self._own: set[tuple[str, str]] = set()
        """Files that a try of ours is about to close."""
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def __enter__(self) -> Self:
        silence_watchdog()
        self._observer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._observer.stop()
        self._observer.join()
        for fd, _ in self._watched.values():
            os.close(fd)
        os.close(self._wake_read)
        os.close(self._wake_write)

    @property
    def wake(self) -> int:
        """A descriptor that can be read when there is something to `take`."""
        return self._wake_read

    def watch(self, directories: set[str]) -> None:
        """Watch exactly these directories, as far as possible; paths relative to the root."""
        for path in self._watched.keys() - directories:
            fd, watched = self._watched.pop(path)
            self._observer.unschedule(watched)
            os.close(fd)
        for path in directories - self._watched.keys():
            if len(self._watched) >= _MOST:
                return
            with contextlib.suppress(OSError, LeftAlone):
                self._add(path)

    def _add(self, path: str) -> None:
        fd = self._tree.directory(path)
        try:
            handler = _Handler(path, self._closed, self._wake_write)
            # With the dot it is the directory that is watched, and not the link in /proc (IN_DONT_FOLLOW).
            watched = self._observer.schedule(handler, f"/proc/self/fd/{fd}/.")
        except BaseException:
            os.close(fd)
            raise
        self._watched[path] = (fd, watched)

    def expect(self, files: Iterable[tuple[str, str]]) -> None:
        """Take the next close by a reader of each file for ours: a try reads it, and says nothing new.

        Another reader's close in the same instant may be lost; then the next try comes by time.
        """
        self._own.update(files)

    def take(self) -> list[tuple[str, str]]:
        """Return the directories and names of the files that others have closed since the last call."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake_read, 4096):
                pass
        taken = []
        while self._closed:
            path, name, written = self._closed.popleft()
            if (path, name) in self._own and not written:
                self._own.discard((path, name))
            else:
                taken.append((path, name))
        return taken


class _Handler(FileSystemEventHandler):
    """Notes the files closed in one directory, in a thread of watchdog's."""

    def __init__(self, path: str, closed: deque[tuple[str, str, bool]], wake: int) -> None:
        self._path = path
        self._closed = closed
        self._wake = wake

    def on_closed(self, event: FileSystemEvent) -> None:
        """Note a file that was open for writing."""
        self._note(event, written=True)

    def on_closed_no_write(self, event: FileSystemEvent) -> None:
        """Note a file that was open for reading."""
        self._note(event, written=False)

    def _note(self, event: FileSystemEvent, *, written: bool) -> None:
        self._closed.append((self._path, os.path.basename(os.fsdecode(event.src_path)), written))
        with contextlib.suppress(BlockingIOError):  # full: then the reader wakes anyway
            os.write(self._wake, b".")
