"""One pass at a time over one tree of one user."""

import contextlib
import fcntl
import os
import select
import time
from collections.abc import Iterator
from typing import Final

from cscd.errors import BusyError
from cscd.files.tree import Tree

#: Seconds within which the converter processes of a pass that was killed end: the kernel kills them with it,
#: but they keep the lock that they were forked with until they are gone.
_DYING: Final = 2.0
_LOOK_EVERY: Final = 0.005


@contextlib.contextmanager
def only_pass(state_directory: str, tree: Tree) -> Iterator[bool]:
    """Hold the lock of a tree; the kernel drops it with the pass's processes, however they end.

    Gives whether there has been a pass over the tree before.

    Raises `BusyError` naming the process that has it.
    """
    path = os.path.join(state_directory, f"pass-{tree.device:x}-{tree.inode:x}.lock")
    known, fd = _open(path)
    try:
        if not _locked(fd):
            holder = _holder(fd) or "unknown"
            raise BusyError(f"another pass is at work on {tree.path} (pid {holder})")
        with contextlib.suppress(OSError):  # a full disk: then the message above names nobody
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield known
    finally:
        os.close(fd)


def _open(path: str) -> tuple[bool, int]:
    """Open the file of the lock, made first if need be; returns whether it was there, and the descriptor."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    with contextlib.suppress(FileNotFoundError):
        return True, os.open(path, flags)
    return False, os.open(path, flags | os.O_CREAT, 0o600)


def _locked(fd: int) -> bool:
    """Take the lock; waits for it only while the pass that had it is dead and its processes are not yet."""
    deadline = time.monotonic() + _DYING
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not _dead(_holder(fd)) or time.monotonic() > deadline:
                return False
        else:
            return True
        time.sleep(_LOOK_EVERY)


def _holder(fd: int) -> str:
    """Return the process id that the pass wrote down, "" if it did not."""
    return os.pread(fd, 20, 0).decode(errors="replace").strip()


def _dead(holder: str) -> bool:
    """Whether the process of that id has ended; what cannot be told has not."""
    if not (holder.isascii() and holder.isdecimal()):
        return False
    try:
        process = os.pidfd_open(int(holder))
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    try:
        # A process that was killed can still be found, until its parent has asked how it ended.
        return bool(select.select([process], [], [], 0)[0])
    finally:
        os.close(process)
