"""Many files at once, and few: how soon they are told, and what that costs."""

import os
import resource
import statistics
import time
from pathlib import Path

import pytest

from cscd.worker.watch.noticed import Degraded, Files, Noticed, Subtree
from tests.worker.watching import Listener, listen

FILES = 100_000
DIRECTORIES = 10

LATENCY = 0.1
"""Seconds from the last close until it is told, in the middle of many; a busy machine has its outliers."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a root with ten directories."""
    made = tmp_path / "root"
    for number in range(DIRECTORIES):
        (made / f"{number}").mkdir(parents=True)
    return made


def _fill(root: Path, numbers: range) -> None:
    fd = os.open(root, os.O_RDONLY)
    for number in numbers:
        os.close(os.open(f"{number % DIRECTORIES}/{number}", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)


def _missed(told: list[Noticed]) -> int:
    """How many of all files are not told, neither by name nor with their directory."""
    whole = {each.directory for each in told if isinstance(each, Subtree)}
    if "" in whole:
        return 0
    named = {place for each in told if isinstance(each, Files) for place in each.places}
    every = ((f"{number % DIRECTORIES}", f"{number}") for number in range(FILES))
    return sum(place[0] not in whole and place not in named for place in every)


def _peak(pid: int) -> int:
    """Bytes of resident memory at most, so far (proc_pid_status(5))."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) << 10


def test_a_burst_of_files_is_told_completely(root: Path) -> None:
    """With nobody listening to 100,000 files, little is kept, and no hint is lost in silence."""

    def act(listener: Listener) -> tuple[bool, int, int]:
        before = _peak(listener.watcher.pid)
        _fill(root, range(FILES))
        (root / "last").write_bytes(b"content")
        told = listener.until_mentioned("last")
        # Where it is told that something was not heard, a recheck follows.
        whole = any(isinstance(each, Degraded) for each in told) or not _missed(told)
        return whole, len(told), _peak(listener.watcher.pid) - before

    whole, messages, memory = listen(root, do=act)
    assert whole
    assert messages < 200
    assert memory < 32 << 20


def test_a_close_is_told_at_once(root: Path) -> None:
    """Within a tenth of a second."""

    def act(listener: Listener) -> list[float]:
        waits = []
        for number in range(20):
            (root / "3" / f"{number}").write_bytes(b"content")
            closed = time.monotonic()
            listener.until_mentioned(f"3/{number}")
            waits.append(time.monotonic() - closed)
        return waits

    assert statistics.median(listen(root, do=act)) < LATENCY


def test_an_idle_watcher_does_nothing(root: Path) -> None:
    """Readers do not wake it, and neither does time."""

    def act(listener: Listener) -> int:
        (root / "file").write_bytes(b"content")
        listener.until_mentioned("file")
        before = _switches(listener.watcher.pid)
        for _ in range(100):
            (root / "file").read_bytes()
            os.listdir(root / "1")
        _rest()
        return _switches(listener.watcher.pid) - before

    assert listen(root, do=act) <= 4


def _rest() -> None:
    """Spend a quarter of a second of processor time, in which anything that ticks would have ticked."""
    end = resource.getrusage(resource.RUSAGE_SELF).ru_utime + 0.25
    while resource.getrusage(resource.RUSAGE_SELF).ru_utime < end:
        pass


def _switches(pid: int) -> int:
    """How often the threads of a process have gone to sleep (proc_pid_status(5))."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = (task / "status").read_text(encoding="ascii")
        total += int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])
    return total
