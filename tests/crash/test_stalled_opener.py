"""Killed at every system call while another process stands inside open(2), waiting to append to the item.

The writer has looked the item up before the exchange (a handle, see `tests.races.test_late_writer`) and comes
to the old version after it. The conversion gives the item back and lets the writer in. Wherever it is killed,
before or while it does so, the write must be in the item in the end, once.
"""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from cscd.files.goal import State
from cscd.files.leftover import may_be_leftover
from tests.crash import subject
from tests.crash.injection import Ended, points, traced
from tests.crash.subject import NAME
from tests.support import forks, requires
from tests.support.waiting import wait_until

pytestmark = pytest.mark.crash

BEFORE: Final = b"a line\n" * 20_000
LATE: Final = b"the late line\n"
OPENER: Final = (
    "import os, sys; os.write(os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND), sys.argv[2].encode())"
)


class Opener:
    """A process that goes on to open the old version for appending as soon as the names are exchanged."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_PATH)
        self._exchanged, self._tell = os.pipe()
        self._hold, self._release = os.pipe()
        self._done, self._end = os.pipe()
        self.process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._open_when_exchanged)

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Wait for the exchange in a thread until the block ends, and then for the process."""
        self._thread.start()
        try:
            yield
        finally:
            os.write(self._end, b".")
            self._thread.join()
            for fd in (self._exchanged, self._tell, self._hold, self._release, self._done, self._end):
                os.close(fd)
            os.close(self._handle)
            assert self.process is None or self.process.wait(10) == 0

    def come(self) -> None:
        """Stop the conversion, in its process, until the opener waits."""
        os.write(self._tell, b".")
        os.read(self._hold, 1)

    def _open_when_exchanged(self) -> None:
        if self._exchanged not in select.select([self._exchanged, self._done], [], [])[0]:
            return
        inode = os.fstat(self._handle).st_ino
        command: list[str | bytes] = [sys.executable, "-Ic", OPENER, f"/proc/self/fd/{self._handle}", LATE]
        self.process = process = subprocess.Popen(command, pass_fds=(self._handle,))
        wait_until(
            lambda: breaking(inode) or process.poll() is not None, "the opener waits, or nobody is there"
        )
        os.write(self._release, b".")


def breaking(inode: int) -> bool:
    """Whether somebody waits for the lease on an inode to be given up (proc_locks(5))."""
    lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    return any("LEASE" in line and "BREAKING" in line and f":{inode} " in line for line in lines)


def attempt(directory: Path, inject: str) -> tuple[Ended, bool]:
    """Convert an item with an injection; returns how that ended and whether somebody came to append."""
    directory.mkdir()
    path = directory / NAME
    path.write_bytes(BEFORE)
    opener = Opener(path)

    def run(ready: Callable[[], None]) -> None:
        subject.convert_by_steps(directory, subject.goal(State.ENCRYPTED), ready, opener.come)

    with opener.ready():
        ended = traced(run, directory.with_suffix(".trace"), inject)
    return ended, opener.process is not None


def test_killed_while_somebody_waits(tmp_path: Path) -> None:
    """Whoever waits when the conversion is killed appends to the item, and the next pass encrypts both."""
    requires.command("strace")
    dry, came = attempt(tmp_path / "dry", "")
    assert (dry.code, came) == (0, True)
    assert (tmp_path / "dry" / NAME).read_bytes() == BEFORE + LATE, "the item was given back, undisturbed"
    assert "renameat2" in dry.trace
    killed_at = points(dry.trace)
    killed = waited = 0
    for point in killed_at:
        directory = tmp_path / str(point)
        ended, came = attempt(directory, f"{point.call}:signal=KILL:when={point.number}")
        killed += ended.code == -signal.SIGKILL
        waited += came
        others = [name for name in os.listdir(directory) if name != NAME]
        assert all(may_be_leftover(name) for name in others), point
        forks.call(partial(subject.next_pass, directory, subject.goal(State.ENCRYPTED)), first=lambda: None)
        truth, state = subject.look(directory / NAME)
        assert truth.content == BEFORE + LATE * came, point
        assert state is State.ENCRYPTED, point
        assert os.listdir(directory) == [NAME], point
    assert killed >= 0.9 * len(killed_at)
    assert waited >= 20
