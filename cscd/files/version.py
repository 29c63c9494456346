"""Telling one version of a file from another, and when a version may be remembered as right."""

import os
import time
from typing import Final

from cscd.files.outcome import Seen

#: A change within one tick of the kernel's clock may leave the ctime as it was: 10 ms at most, where the
#: clock has 100 Hz; and 2 s on filesystems that keep whole seconds.
_TICK_NS: Final = 10_000_000
_COARSE_NS: Final = 2_000_000_000


def version(status: os.stat_result) -> tuple[int, ...]:
    """Return what tells one version of a file from another. Any change moves the ctime by a tick at least."""
    return status.st_ctime_ns, status.st_mtime_ns, status.st_size, status.st_mode, status.st_nlink


def found_right(status: os.stat_result) -> Seen | None:
    """Return the version of a file that was right when found, None if a later one could look the same."""
    return _seen(status) if _aged(status) else None


def made_right(status: os.stat_result, mtime_ns: int) -> Seen | None:
    """Return the version of a file that we wrote and gave this mtime, None if it may have been changed.

    A write since then would have moved the mtime, even one in the tick of the exchange, which leaves the
    ctime as it is. Once that tick is over, any later change moves the ctime.
    """
    unwritten = status.st_mtime_ns == mtime_ns < status.st_ctime_ns - _TICK_NS
    return _seen(status) if unwritten and _aged(status) else None


def _aged(status: os.stat_result) -> bool:
    """Whether the tick of the last change is over."""
    coarse = status.st_ctime_ns % 1_000_000_000 == 0
    return time.time_ns() - status.st_ctime_ns >= (_COARSE_NS if coarse else _TICK_NS)


def _seen(status: os.stat_result) -> Seen:
    return Seen(status.st_ino, status.st_ctime_ns, status.st_size)
