"""The source `runtime-directory`: the files in which logind keeps its sessions, where there is no bus.

/run/systemd/sessions/ID has lines KEY=value, written aside and renamed into place, so that it is read
whole. It is rewritten at every change, also when the session is closing, and removed with the session. The
files of users say nothing that these do not. systemd has them for its own library (sd-login(3)), and writes
their format down nowhere, so whatever does not look as expected is no session.

Events are hints: the file named is read anew. Lost events, and a directory that was replaced, are answered
with a list of all; so is, now and then, no event at all.
"""

import asyncio
import contextlib
import os
import stat
from collections.abc import Callable
from typing import Final

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchDescriptor,
)

from cscd.daemon.logon.session import (
    MOST_SESSIONS,
    Session,
    SessionListener,
    SourceLostError,
    is_session_id,
    session_of,
)

RELIST: Final = 300.0
"""Seconds between two lists that nothing gave a reason for."""

_LONGEST_GOODBYE: Final = 1.0
"""Seconds until the thread has ended that we end; all it does is to wake and close its descriptors."""

_MOST: Final = 16 * 1024
"""Bytes of a file; logind writes a few hundred."""
_MOST_DIGITS: Final = 10
_C: Final = InotifyConstants
_EVENTS: Final = Mask(
    _C.IN_CREATE
    | _C.IN_CLOSE_WRITE
    | _C.IN_MOVED_TO
    | _C.IN_MOVED_FROM
    | _C.IN_DELETE
    | _C.IN_DELETE_SELF
    | _C.IN_MOVE_SELF
    | _C.IN_ONLYDIR
)
_GONE: Final = int(_C.IN_DELETE_SELF | _C.IN_MOVE_SELF | _C.IN_UNMOUNT)
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class RuntimeDirectorySource:
    """Sessions as logind's files tell them."""

    name: Final = "runtime-directory"

    def __init__(self, path: str = "/run/systemd", *, relist: float = RELIST) -> None:
        """Take logind's directory, and the seconds between lists that nothing else gives a reason for."""
        self._path = os.path.join(path, "sessions")
        self._relist = relist

    async def watch(self, listener: SessionListener) -> None:
        """List all sessions, then tell of changes, until cancelled.

        Raises:
            SourceLostError: there is no such directory, not any more, or it cannot be watched.
        """
        try:
            directory = os.open(self._path, _DIRECTORY)
        except OSError as error:
            raise _lost(self._path, error) from error
        try:
            await _Watch(directory, self._path, listener, self._relist).run()
        finally:
            os.close(directory)


def _lost(path: str, error: OSError) -> SourceLostError:
    return SourceLostError(f"{path} cannot be watched: {error.strerror}")


class _Reader(InotifyFD):
    """watchdog's thread, whose end does not go unnoticed."""

    def __init__(self, ended: Callable[[], None]) -> None:
        super().__init__()
        self._ended = ended

    def run(self) -> None:
        """Read events until told to stop; run by the thread."""
        try:
            super().run()
        except Exception:  # noqa: BLE001 - whatever it is: the thread is gone, which is what is told
            return
        finally:
            self._ended()


class _Watch:
    """One descriptor of the directory, from the first list to its end."""

    def __init__(self, directory: int, path: str, listener: SessionListener, relist: float) -> None:
        self._directory = directory
        self._path = path
        self._listener = listener
        self._relist = relist
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._marked: set[str] = set()
        self._doubt = True
        self._lost = ""

    async def run(self) -> None:
        """Watch, list, and read what events name, until the directory or the thread is gone."""
        try:
            reader = _Reader(lambda: self._call(self._lose, "the thread that watches it ended"))
        except OSError as error:
            raise _lost(self._path, error) from error
        reader.start()
        try:
            # The directory that is open, not whatever has its name by now.
            path = os.fsencode(f"/proc/self/fd/{self._directory}")
            reader.add_callback(path, _EVENTS, self, CallbackId(0))
            await self._follow()
        except OSError as error:
            raise _lost(self._path, error) from error
        finally:
            reader.stop()
            reader.join(_LONGEST_GOODBYE)

    async def _follow(self) -> None:
        while True:
            if self._doubt:
                self._doubt = False
                self._check_place()
                self._marked.clear()
                self._listener.listed(self._list(), "")
            marked, self._marked = self._marked, set()
            for session_id in marked:
                session = self._read(session_id)
                if session:
                    self._listener.opened(session)
                else:
                    self._listener.closed(session_id)
            try:
                async with asyncio.timeout(self._relist):
                    await self._woken.wait()
            except TimeoutError:
                self._doubt = True
            self._woken.clear()
            if self._lost:
                raise SourceLostError(f"{self._path} cannot be watched: {self._lost}")

    def _check_place(self) -> None:
        """Make sure that the name still means this directory: of one above it the kernel tells nothing."""
        named, held = os.stat(self._path), os.fstat(self._directory)
        if (named.st_dev, named.st_ino) != (held.st_dev, held.st_ino):
            raise SourceLostError(f"{self._path} cannot be watched: it was removed or replaced")

    # -- called by watchdog's thread -------------------------------------------------------------

    def on_event(self, event: InotifyEvent) -> None:
        """Take an event."""
        if event.mask & _GONE:
            self._call(self._lose, "it was removed or replaced")
        elif is_session_id(name := os.fsdecode(event.name)):
            self._call(self._mark, name)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """Take note that the kernel ended the watch."""
        del wd
        self._call(self._lose, "it was removed or replaced")

    def on_queue_overflow(self) -> None:
        """Take note that the kernel dropped events."""
        self._call(self._doubted)

    def _call(self, work: Callable[..., None], *arguments: str) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(work, *arguments)

    # -- called in the loop ----------------------------------------------------------------------

    def _lose(self, why: str) -> None:
        self._lost = self._lost or why
        self._woken.set()

    def _doubted(self) -> None:
        self._doubt = True
        self._woken.set()

    def _mark(self, name: str) -> None:
        self._marked.add(name)
        self._woken.set()

    def _list(self) -> list[Session]:
        with os.scandir(self._directory) as entries:
            names = [entry.name for entry, _ in zip(entries, range(MOST_SESSIONS), strict=False)]
        return [session for name in names if is_session_id(name) and (session := self._read(name))]

    def _read(self, name: str) -> Session | None:
        """Return what a file says, or None if it is gone, or says of no session that is open."""
        try:
            fd = os.open(name, _READ, dir_fd=self._directory)
        except OSError:
            return None
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return None
            content = os.read(fd, _MOST + 1)
        except OSError:
            return None
        finally:
            os.close(fd)
        return None if len(content) > _MOST else parsed(name, content)


def parsed(session_id: str, content: bytes) -> Session | None:
    """Return the session that a file of logind describes; None if it is closing, or that makes no sense."""
    lines = content.decode("utf-8", "replace").splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    digits = found.get("UID", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
        return None
    return session_of(session_id, int(digits), found.get("USER"), found.get("CLASS"), found.get("STATE"))
