"""Copies on their way to the medium, while the thread that wrote them goes on with the next ones."""

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from typing import Final

from cscd.files import kernel

#: From this many files on, one syncfs(2) costs less than an fsync(2) each.
_TOGETHER: Final = 4
#: Bytes waited for between two questions whether to stop: fractions of a second, also for a slow disk.
_STEP: Final = 8 << 20


class Flush:
    """The way of several files of one filesystem to the medium; they stay open until its end."""

    __slots__ = ("_descriptors", "_durable", "_thread")

    def __init__(self, descriptors: Sequence[int]) -> None:
        """Begin, where the files are enough to be worth a thread."""
        self._descriptors = descriptors
        self._durable = False
        self._thread: threading.Thread | None = None
        if len(descriptors) >= _TOGETHER:
            thread = threading.Thread(target=self._sync_together, name="flush")
            with contextlib.suppress(RuntimeError):  # no room for another thread: then each when waited for
                thread.start()
                self._thread = thread

    def _sync_together(self) -> None:
        # It fails if some file of the filesystem failed, perhaps none of ours: then each is asked.
        with contextlib.suppress(OSError):
            kernel.sync_filesystem(self._descriptors[0])
            self._durable = True

    def stop(self) -> None:
        """Wait until nothing is going on any more, so that the files may be closed."""
        if self._thread:
            self._thread.join()

    def wait(self, check: Callable[[], None]) -> dict[int, OSError]:
        """Wait until all files are durable; returns what went wrong with those that are not.

        `check` is called again and again while it takes long, and raises to stop waiting.
        """
        self.stop()
        failed: dict[int, OSError] = {}
        for descriptor in () if self._durable else self._descriptors:
            try:
                _write_out(descriptor, check)
                os.fsync(descriptor)
            except OSError as error:
                failed[descriptor] = error
        return failed


def _write_out(descriptor: int, check: Callable[[], None]) -> None:
    """Have most of a large file written out step by step: nothing interrupts an fsync(2)."""
    for offset in range(0, os.fstat(descriptor).st_size - _STEP, _STEP):
        check()
        kernel.finish_writeback(descriptor, offset, _STEP)
