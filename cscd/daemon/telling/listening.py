"""The name of the control socket in the file system: taken, and given up."""

import contextlib
import errno
import os
import socket
import stat
from typing import Final

from cscd.errors import BusyError, TargetError

MODE: Final = 0o666
"""Of the socket: connecting takes the right to write (unix(7))."""
_BACKLOG: Final = 64
"""Connections that wait in the kernel."""


def check_free(path: str) -> None:
    """Raise unless there is nothing at `path`, or a socket that nobody listens at any more."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise TargetError(f"{path} is there already, and is no socket; move it away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        # EAGAIN is what a full backlog says: somebody listens, with much to do.
        if probe.connect_ex(path) not in (errno.ECONNREFUSED, errno.ENOENT):
            raise BusyError(f"another service answers at {path}; stop it first")


def listening_at(path: str) -> tuple[socket.socket, tuple[int, int]]:
    """Return a socket that listens at `path`, and which one it is.

    It gets its name by rename(2) when it listens already: nobody ever meets one that refuses, and a stale one
    is replaced in the same instant.
    """
    temporary = f"{path}.{os.getpid()}"
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)  # of a process that had our number before
        listening.bind(temporary)
        os.chmod(temporary, MODE)  # bind(2) has applied the umask
        listening.listen(_BACKLOG)
        status = os.lstat(temporary)
        os.rename(temporary, path)
    except BaseException:
        listening.close()
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return listening, (status.st_dev, status.st_ino)


def remove(path: str, place: tuple[int, int] | None) -> None:
    """Remove our socket's name, unless it is another one's by now."""
    with contextlib.suppress(OSError):
        status = os.lstat(path)
        if (status.st_dev, status.st_ino) == place:
            os.unlink(path)
