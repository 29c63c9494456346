"""The Linux calls about processes that Python does not wrap."""

import os
import signal

import pytest

from cscd.worker import kernel
from tests.support import forks


def test_a_process_dies_with_its_parent() -> None:
    """The signal asked for comes when the parent is gone."""
    reader, writer = os.pipe()

    def leave_a_child() -> None:
        ready, tell = os.pipe()
        if forks.fork():
            os.read(ready, 1)
            os._exit(0)
        kernel.die_with_parent(signal.SIGKILL)
        os.write(tell, b".")
        signal.pause()

    with pytest.raises(ChildProcessError):
        forks.call(leave_a_child, first=lambda: None)
    os.close(writer)
    assert os.read(reader, 1) == b""  # the last process that held the other end is gone
