"""Leases, and the watch that answers when somebody knocks."""

import errno
import fcntl
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from cscd.files.lease import Lease, LeaseWatch, lease_break_time
from cscd.files.outcome import LeftAlone, Reason
from tests.support import denial, forks, openers

HANG = 0.25
"""Seconds in which an opener must be let in: hundreds of times what it takes, far below lease-break-time."""


@pytest.fixture
def item(tmp_path: Path) -> Path:
    """Make a file with content."""
    path = tmp_path / "item"
    path.write_bytes(b"content")
    return path


def opened(path: Path) -> int:
    """Open a file as a conversion does."""
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK)


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY, os.O_RDWR | os.O_APPEND])
def test_no_lease_on_what_somebody_has_open(item: Path, flags: int) -> None:
    """A reader is in the way as well as a writer, in this process or another."""
    with openers.holding(item, flags), pytest.raises(LeftAlone) as caught:
        Lease(opened(item))
    assert caught.value.reason is Reason.OPEN_ELSEWHERE


def test_a_lease_is_whole_until_somebody_comes(item: Path) -> None:
    """Whoever opens the file is noticed while he waits, and gets in once the lease is released."""
    signal.signal(signal.SIGIO, lambda _number, _frame: None)
    lease = Lease(opened(item))
    assert (lease.held, lease.whole, lease.nobody_came()) == (True, True, True)
    with pytest.raises(BlockingIOError):
        os.open(item, os.O_RDONLY | os.O_NONBLOCK)
    assert (lease.whole, lease.nobody_came()) == (False, True)  # he did not wait
    lease.release()
    lease.release()
    os.close(opened(item))


def test_a_reader_is_no_writer(item: Path) -> None:
    """Asked for writers only, a reader that comes is let in."""
    signal.signal(signal.SIGIO, lambda _number, _frame: None)
    lease = Lease(opened(item))
    assert lease.no_writer_came()
    with item.open("rb") as file:
        assert file.read() == b"content"
        assert lease.no_writer_came()
        assert not lease.nobody_came()


def test_leases_may_be_required_or_not(item: Path) -> None:
    """Where there are none, that is a reason to leave an item, or the lease is blind and sees by /proc."""

    def take() -> tuple[Reason, int, bool, bool, bool]:
        with pytest.raises(LeftAlone) as caught:
            Lease(opened(item))
        blind = Lease(opened(item), required=False)
        alone = blind.whole and blind.nobody_came() and blind.no_writer_came()
        with openers.holding(item):
            seen = not blind.whole and not blind.nobody_came() and not blind.no_writer_came()
        blind.release()
        return caught.value.reason, caught.value.errno, blind.blind and not blind.held, alone, seen

    assert forks.call(take, first=denial.deny_leases) == (Reason.NO_LEASES, errno.EINVAL, True, True, True)


def test_the_watch_gives_up_a_lease_that_yields(item: Path) -> None:
    """An opener gets in at once, whatever the thread that took the lease is doing."""
    with LeaseWatch() as watch:
        lease = Lease(opened(item))
        watch.add(lease, yields=True)
        start = time.monotonic()
        with openers.holding(item):
            assert time.monotonic() - start < HANG
        assert lease.yielded
        assert not lease.whole
        assert watch.must_stop(lease)
        assert not watch.keep(lease)


def test_the_watch_keeps_a_lease_that_does_not_yield(item: Path) -> None:
    """Without Background the opener waits until the conversion is done with it."""
    with LeaseWatch() as watch:
        lease = Lease(opened(item))
        watch.add(lease, yields=False)
        came = threading.Event()

        def come() -> None:
            item.read_bytes()
            came.set()

        opener = threading.Thread(target=come)
        opener.start()
        while not lease.broken_at:
            assert not came.wait(0.001)
        assert not watch.must_stop(lease)
        assert watch.keep(lease)
        os.close(lease.fd)
        assert came.wait(10)
        opener.join()


def test_an_unyielding_conversion_gives_up_before_the_kernel_does(item: Path) -> None:
    """Past half of what the kernel grants it has to stop by itself."""
    with LeaseWatch() as watch:
        lease = Lease(opened(item))
        watch.add(lease, yields=False)
        assert not watch.must_stop(lease)
        lease.broken_at = time.monotonic() - lease_break_time() / 2 - 1
        assert watch.must_stop(lease)
        watch.keep(lease)
        os.close(lease.fd)


def test_somebody_who_came_before_the_watch_is_not_forgotten(item: Path) -> None:
    """A break between taking a lease and watching it is answered when the watch begins."""
    with LeaseWatch() as watch:
        lease = Lease(opened(item))
        with pytest.raises(BlockingIOError):
            os.open(item, os.O_RDONLY | os.O_NONBLOCK)
        watch.add(lease, yields=True)
        assert lease.yielded


def test_a_lease_taken_by_the_watch_is_watched_from_the_start(item: Path) -> None:
    """Nobody can come between the two; a lease that is refused leaves nothing behind."""
    with LeaseWatch() as watch:
        lease = watch.take(opened(item), required=True, yields=True)
        with openers.holding(item):
            assert lease.yielded
            assert not watch.keep(lease)
            with pytest.raises(LeftAlone) as left:
                watch.take(lease.fd, required=True, yields=True)
        assert left.value.reason is Reason.OPEN_ELSEWHERE
        assert watch.take(lease.fd, required=True, yields=False).whole


def test_a_late_signal_does_not_end_the_process(item: Path) -> None:
    """SIGIO's default would; after a watch it has a handler."""

    def outlive() -> bool:
        with LeaseWatch():
            pass
        os.kill(os.getpid(), signal.SIGIO)
        fd = opened(item)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        with pytest.raises(BlockingIOError):
            os.open(item, os.O_RDONLY | os.O_NONBLOCK)
        return True

    assert forks.call(outlive, first=lambda: None)
