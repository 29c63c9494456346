"""A filesystem whose server never answers, as of a network share that is gone: whoever asks it waits.

Only root can make one. It is a FUSE mount of which nobody reads the requests.
"""

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import mounts, requires

PATIENCE = 10.0
"""Seconds until the mount is cut off, so that a test that waits for it fails instead of waiting for ever."""

_libc = ctypes.CDLL(None, use_errno=True)


class Silent:
    """The mount."""

    def __init__(self, device: int) -> None:
        self._device = device
        self.waited_for = False
        """Whether it had to be cut off."""

    def leave(self) -> None:
        """Have no part in it; for a fork, which would keep it from being cut off."""
        os.close(self._device)

    def cut_off(self) -> None:
        """Let everybody go who waits for it."""
        self.waited_for = True
        os.close(self._device)


@contextmanager
def silent(point: Path) -> Iterator[Silent]:
    """Mount it at a directory, made if needed."""
    requires.mounting()
    requires.device("/dev/fuse")
    point.mkdir(exist_ok=True)
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    if _libc.mount(b"silent", os.fsencode(point), b"fuse", 0, options):
        os.close(device)
        raise OSError(ctypes.get_errno(), "mount of FUSE", point)
    mount = Silent(device)
    timer = threading.Timer(PATIENCE, mount.cut_off)
    timer.start()
    try:
        yield mount
    finally:
        timer.cancel()
        timer.join()
        if not mount.waited_for:
            os.close(device)
        mounts.run("umount", "-l", point)
