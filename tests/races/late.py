"""One item on its way, step by step, and processes that come late to one of its versions.

Inside open(2) there are two instants to tell apart. Once the kernel has *counted* the opener, asking for the
lease again shows it. Between the path lookup and that count nothing shows it: a handle opened with O_PATH is
the same thing made to last, a file looked up and not counted, and opening it again through /proc goes on from
there.
"""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cscd.files.convert import Item
from cscd.files.goal import State
from cscd.files.lease import LeaseWatch
from cscd.files.rewrite import Rewriter
from tests.crash.subject import NAME, goal, look
from tests.support.waiting import wait_until

BEFORE: Final = b"what was there before\n"
LATE: Final = b"late\n"
APPEND: Final = os.O_WRONLY | os.O_APPEND


class Conversion:
    """One item on its way from plain to encrypted, step by step."""

    def __init__(self, directory: Path, watch: LeaseWatch) -> None:
        self.path = directory / NAME
        self.path.write_bytes(BEFORE)
        self._directory = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        self.item = Item(self._directory, NAME, watch)
        make = self.item.begin(goal(State.ENCRYPTED), os.fstat(self._directory).st_dev)
        assert make
        self.item.copy(make, Rewriter(1), check=lambda: None, count=lambda _read: None)

    def close(self) -> None:
        """Let go of the item, as a pass does after its last step."""
        self.item.close()
        os.close(self._directory)

    def broken(self) -> bool:
        """Whether somebody waits for the old version."""
        return lease_of(self.item.old) != fcntl.F_WRLCK

    def kept(self) -> Path:
        """Return the second name."""
        return next(path for path in self.path.parent.iterdir() if path.name != NAME)


def lease_of(fd: int) -> int:
    """Return the lease on an open file; it is no longer F_WRLCK once somebody waits."""
    return fcntl.fcntl(fd, fcntl.F_GETLEASE)


@contextmanager
def handle(path: Path) -> Iterator[int]:
    """Look a file up without opening it."""
    fd = os.open(path, os.O_PATH)
    try:
        yield fd
    finally:
        os.close(fd)


def writer(path: str | Path, flags: int = APPEND, *, pass_fd: int | None = None) -> subprocess.Popen[bytes]:
    """Start a process that opens a file, writes to it and closes it."""
    code = "import os, sys; os.write(os.open(sys.argv[1], int(sys.argv[2])), sys.argv[3].encode())"
    command = [sys.executable, "-Ic", code, str(path), str(flags), LATE.decode()]
    return subprocess.Popen(command, pass_fds=() if pass_fd is None else (pass_fd,))


def arrive(conversion: Conversion, fd: int, flags: int = APPEND) -> subprocess.Popen[bytes]:
    """Have a writer go on from a handle, until it waits for the lease."""
    late = writer(f"/proc/self/fd/{fd}", flags, pass_fd=fd)
    wait_until(conversion.broken, "the late writer waits for the lease")
    return late


def expect(conversion: Conversion, content: bytes, state: State) -> None:
    """The item holds exactly that, and is alone in its directory."""
    found, found_state = look(conversion.path)
    assert (found.content, found_state) == (content, state)
    assert os.listdir(conversion.path.parent) == [NAME]
