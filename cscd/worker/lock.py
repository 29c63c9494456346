"""One pass at a time over one tree of one user."""

import contextlib
import fcntl
import os
from collections.abc import Iterator

from cscd.errors import BusyError
from cscd.files.tree import Tree


@contextlib.contextmanager
def only_pass(state_directory: str, tree: Tree) -> Iterator[bool]:
    """Hold the lock of a tree; the kernel drops it with the process, however that ends.

    Gives whether there has been a pass over the tree before.

    Raises `BusyError` naming the process that has it.
    """
    path = os.path.join(state_directory, f"pass-{tree.device:x}-{tree.inode:x}.lock")
    known, fd = _open(path)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 20, 0).decode(errors="replace").strip() or "unknown"
            raise BusyError(f"another pass is at work on {tree.path} (pid {holder})") from None
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
