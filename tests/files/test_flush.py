"""Copies on their way to the medium."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cscd.errors import CancelledError
from cscd.files.flush import Flush

MANY = 8
"""Enough for one wait together."""


def go_on() -> None:
    """Let a wait go on."""


@pytest.fixture
def descriptors(tmp_path: Path) -> Iterator[list[int]]:
    """Make open files that have just been written to."""
    opened = []
    for number in range(MANY):
        fd = os.open(tmp_path / str(number), os.O_RDWR | os.O_CREAT)
        os.write(fd, b"content")
        opened.append(fd)
    yield opened
    for fd in opened:
        os.close(fd)


@pytest.mark.parametrize("count", [1, MANY])
def test_nothing_fails_and_nothing_goes_on_afterwards(descriptors: list[int], count: int) -> None:
    """A wait for few files or for many ends without failures and without a thread."""
    threads = threading.active_count()
    assert Flush(descriptors[:count]).wait(go_on) == {}
    assert threading.active_count() == threads


def test_a_file_that_cannot_be_synced_is_told_apart(descriptors: list[int]) -> None:
    """When the wait for all fails, each is asked: only the one that fails is reported."""
    nothing = os.open("/", os.O_PATH)  # syncfs(2) and fsync(2) of such a descriptor fail with EBADF
    try:
        assert set(Flush([nothing, *descriptors]).wait(go_on)) == {nothing}
    finally:
        os.close(nothing)


def test_the_wait_for_a_large_file_can_be_stopped(descriptors: list[int]) -> None:
    """It is asked for again and again, before the call that nothing interrupts."""
    large, answers = descriptors[0], iter([False, True])
    os.ftruncate(large, 64 << 20)

    def stop_the_second_time() -> None:
        if next(answers):
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        Flush([large]).wait(stop_the_second_time)
    assert Flush([large]).wait(go_on) == {}


def test_stopped_it_lets_the_files_be_closed(descriptors: list[int]) -> None:
    """After a stop nothing is going on any more; more than one is harmless."""
    threads = threading.active_count()
    flush = Flush(descriptors)
    flush.stop()
    flush.stop()
    assert threading.active_count() == threads
