"""Another process that has a file open, as an application would."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import forks


@contextmanager
def holding(path: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    """Have another process keep a file open until the block ends; gives its pid."""
    ready, tell = os.pipe()
    hold, release = os.pipe()
    pid = forks.fork()
    if not pid:
        try:
            _close_all_but(tell, hold)
            os.open(path, flags)
            os.write(tell, b".")
            os.read(hold, 1)
        finally:
            os._exit(0)
    os.close(tell)
    os.close(hold)
    try:
        assert os.read(ready, 1), f"{path} could not be opened"
        yield pid
    finally:
        os.write(
            release, b"."
        )  # a process started meanwhile may have the pipe, too: closing it tells nothing
        os.close(release)
        os.close(ready)
        os.waitpid(pid, 0)


def _close_all_but(*kept: int) -> None:
    """Let go of what the parent has open: it would count as held by the child too."""
    first = 3
    for fd in sorted(kept):
        os.closerange(first, fd)
        first = fd + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))
