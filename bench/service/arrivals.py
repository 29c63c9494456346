"""From the close of a new file until it is encrypted: single files now and then, and thousands at once.

An item is encrypted in the moment at which another inode has its name. It is never opened to find out, as
that would be a use of it, for which the conversion makes way.
"""

import os
import random
import time
from pathlib import Path

from bench import tree
from bench.command import CommandError
from bench.distribution import latency
from bench.progress import say
from bench.result import Latency
from bench.service.accounts import uid_of
from bench.service.ground import Ground, write
from bench.service.running import running
from bench.volume import Volume

FILES = 200
"""That the user has before."""
SIZE = 4096
"""Bytes of a new file."""
LOOK = 0.0005
LOOK_AT_MANY = 0.02
"""Seconds between two looks at one new file, and at thousands."""
APART = 0.5
"""Seconds between one file's end and the next one's beginning at most."""
LIMIT = 120.0
"""Seconds after which a file that is still plain is a failure."""


def measure(volume: Volume, *, singles: int, burst: int) -> list[Latency]:
    """`singles` files one after another, then `burst` files as fast as they can be written."""
    say(f"service: {singles} new files one by one, then {burst} at once")
    ground = Ground.make(volume, "arrivals")
    ground.settle_in([0], FILES)
    uid = uid_of(0)
    folder = ground.cache(uid) / "folder-0000"
    dice = random.Random(1)
    with running(ground) as daemon:
        daemon.compliant(daemon.log_on([0]))
        daemon.settle()
        waits = []
        for number in range(singles):
            time.sleep(dice.random() * APART)
            waits.append(_single(folder / f"single-{number:05}", uid))
        daemon.settle()
        found = [latency("one by one", waits), latency(f"{burst:,} at once", _burst(folder, uid, burst))]
        daemon.settle()
        if left := tree.unencrypted(ground.cache(uid)):
            raise CommandError(f"{left} new files are not encrypted")
    return found


def _single(path: Path, uid: int) -> float:
    """Make a file; returns the seconds from its close until it is encrypted."""
    inode = write(path, uid, os.urandom(SIZE))
    closed = time.monotonic()
    while os.stat(path).st_ino == inode:
        if time.monotonic() > closed + LIMIT:
            raise CommandError(f"{path} is still plain after {LIMIT:g} s")
        time.sleep(LOOK)
    return time.monotonic() - closed


def _burst(folder: Path, uid: int, count: int) -> list[float]:
    """Make many files; returns for each the seconds from its close until it is seen to be encrypted."""
    plain: dict[str, tuple[int, float]] = {}
    for number in range(count):
        name = f"burst-{number:05}"
        plain[name] = write(folder / name, uid, os.urandom(SIZE)), time.monotonic()
    last = time.monotonic()
    waits: list[float] = []
    while plain:
        with os.scandir(folder) as entries:
            inodes = {entry.name: entry.inode() for entry in entries}
        now = time.monotonic()
        done = [name for name, (inode, _) in plain.items() if inodes.get(name, inode) != inode]
        waits += [now - plain.pop(name)[1] for name in done]
        if now > last + LIMIT:
            raise CommandError(f"{len(plain)} new files are still plain after {LIMIT:g} s")
        time.sleep(LOOK_AT_MANY)
    return waits
