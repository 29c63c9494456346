"""Many files at once, and few: how soon they are told, and what that costs."""

import os
import resource
import select
import statistics
import time
from math import inf
from pathlib import Path

import pytest

from cscd.worker.watch.noticed import Degraded, Files, Noticed, Subtree
from tests.worker.watching import Listener, listen

FILES = 100_000
DIRECTORIES = 10
SLICE = 1000
"""Files between two turns: few enough for the kernel's queue (fs.inotify.max_queued_events)."""

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


def _peak() -> int:
    """Bytes of resident memory at most, so far (getrusage(2))."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def test_a_burst_of_files_is_told_completely(root: Path) -> None:
    """Of 100,000 files little is kept, and no hint is lost in silence."""

    def act(listener: Listener) -> tuple[int, int, int]:
        before = _peak()
        for start in range(0, FILES, SLICE):
            _fill(root, range(start, start + SLICE))
            listener.turn(0)
        (root / "last").write_bytes(b"content")
        told = listener.until_mentioned("last")
        return _missed(listener.told), len(told), _peak() - before

    missed, messages, memory = listen(root, do=act)
    assert missed == 0
    assert messages < 200
    assert memory < 32 << 20


def test_more_than_the_kernel_keeps_is_told_to_be_missing(root: Path) -> None:
    """With nobody listening to 100,000 files, the watch is degraded, and a recheck follows."""

    def act(listener: Listener) -> bool:
        _fill(root, range(FILES))
        return Degraded(0, "overflow", 0) in listener.until_watching()

    assert listen(root, do=act)


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


def test_an_idle_watch_does_nothing(root: Path) -> None:
    """Readers do not wake it, and neither does time."""

    def act(listener: Listener) -> tuple[bool, float]:
        (root / "file").write_bytes(b"content")
        listener.until_mentioned("file")
        listener.until_idle()
        for _ in range(100):
            (root / "file").read_bytes()
            os.listdir(root / "1")
        ready, _, _ = select.select([listener.lookout], [], [], 0)
        return bool(ready), listener.lookout.due

    assert listen(root, do=act) == (False, inf)
