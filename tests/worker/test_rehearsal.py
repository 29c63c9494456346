"""The first steps of a worker, in the fork server: they leave nothing behind but memory in order."""

import subprocess
import sys

_LISTED = """
import gc, os, threading
from cscd.worker import preload, rehearsal
preload.warm()
before = sorted(os.listdir("/proc/self/fd"))
kept = rehearsal.settle()
assert sorted(os.listdir("/proc/self/fd")) == before, "descriptors"
assert threading.active_count() == 1, "threads"
assert not open(f"/proc/self/task/{os.getpid()}/children").read(), "children"
assert not any(gc.get_count()[1:]) and len(gc.get_objects()) < 100, "objects that are collected"
first = id(bytes(100))
assert all(id(each) >> 14 != first >> 14 for each in kept), "a gap that was left"
"""


def test_a_rehearsal_leaves_no_descriptor_thread_or_child_and_no_gap() -> None:
    """The fork server has one thread and what it had open; what is made next has pages of its own."""
    run = subprocess.run([sys.executable, "-c", _LISTED], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
