"""A file of JSON lines that outlives logrotate(8), a full disk, and being deleted.

Each record is one line and one write at the end of the file (O_APPEND), so that several writers do not mix
their lines. When the file at the path is no longer the one that is open, the new one is made or opened.
"""

import errno
import os
import stat
from contextlib import suppress
from typing import Final

from cscd.events.record import Record

MODE: Final = 0o640
"""Of a file that we make: for the owner, and to read for the group (`adm`, as the administrator sets it)."""

_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


class LogFile:
    """A file as a sink."""

    name = "file"

    def __init__(self, path: str) -> None:
        """Open or make the file; its directory must be there, and only trusted users may write there.

        Raises:
            OSError: it cannot be opened, or is no regular file (EINVAL).
        """
        self._path = path
        self._fd = _open(path)
        self._torn = False

    def write(self, record: Record) -> None:
        """Append a record. Raises OSError: ENOSPC, EDQUOT, EIO, or why a rotated file cannot be made anew."""
        if self._moved():
            self.reopen()
        # A line that the disk had no room for ends where it ends; the next one must not continue it.
        line = ("\n" if self._torn else "") + record.line()
        data = line.encode("utf-8", "backslashreplace")
        written = os.write(self._fd, data)
        if written < len(data):
            self._torn = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._path)
        self._torn = False

    def reopen(self) -> None:
        """Open the file at the path, or make it. Raises OSError; then the old one stays open."""
        fd = _open(self._path)
        os.close(self._fd)
        self._fd, self._torn = fd, False

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # NFS tells only now what did not reach the disk
            os.close(self._fd)

    def _moved(self) -> bool:
        """Whether another file, or none, is at the path."""
        ours = os.fstat(self._fd)
        try:
            there = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return True
        return (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino)


def _open(path: str) -> int:
    try:
        fd = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, MODE)
    except FileExistsError:
        return _checked(os.open(path, _FLAGS), path)
    os.fchmod(fd, MODE)  # whatever the umask is
    return fd


def _checked(fd: int, path: str) -> int:
    """Return a descriptor of a regular file. Raises OSError, and closes any other one."""
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise OSError(errno.EINVAL, "not a regular file", path)
