"""SIGTERM in the middle of a large file: how long until the service and all its processes have ended.

Whether it was in the middle is seen afterwards: the pass had begun, and the file is still plain and whole.
"""

import hashlib
import time
from pathlib import Path

from bench import tree
from bench.progress import say
from bench.result import Stops
from bench.service.accounts import uid_of
from bench.service.ground import Ground, write
from bench.service.running import running
from bench.volume import MIB, Volume

MOMENTS = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Seconds from the start of the pass until the signal; a file of 1 GiB takes about one."""
GRACE = 60.0
"""Seconds for the pass to begin."""


def measure(volume: Volume, *, size: int, rounds: int) -> Stops:
    """Stop the service while a file of `size` bytes is encrypted, `rounds` times at each of some moments."""
    say(f"service: SIGTERM while a file of {size // MIB} MiB is encrypted")
    seconds, missed = [], 0
    for moment in MOMENTS * rounds:
        ground = Ground.make(volume, "stopping")
        ground.settle_in([0], 0)
        path = ground.cache(uid_of(0)) / "large.bin"
        content = _large(path, size)
        volume.settle()
        with running(ground) as daemon:
            began = daemon.log_on([0])
            daemon.journal.first(began, lambda entry: entry.event == "pass_started", GRACE)
            time.sleep(moment * size / (1024 * MIB))
            took = daemon.terminate()
        if tree.unencrypted(path.parent) and _digest(path) == content:
            seconds.append(took)
        else:
            missed += 1
    return Stops(bytes=size, seconds=tuple(seconds), missed=missed)


def _large(path: Path, size: int) -> bytes:
    """Make a file, and return the digest of its content."""
    write(path, uid_of(0), b"")
    with open(path, "r+b") as file, open("/dev/urandom", "rb") as source:
        file.writelines(source.read(min(MIB, size - start)) for start in range(0, size, MIB))
    return _digest(path)


def _digest(path: Path) -> bytes:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()
