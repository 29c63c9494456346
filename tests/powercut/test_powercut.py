"""A thousand files are converted there and back while the power is cut at random moments.

What each cut leaves is mounted, so that the filesystem recovers, and every file is looked at. See
`tests.powercut.disk` for what a cut loses.
"""

import os
import random
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest

from cscd.files.goal import State
from cscd.files.temporary import SecondName
from tests.powercut.disk import Copy, Disk, disk
from tests.support import passes
from tests.support.mounts import EXT4, XFS, Kind
from tests.support.passes import ENCRYPTED, UNENCRYPTED, Plan

pytestmark = [pytest.mark.root, pytest.mark.powercut]

FILES = 1000
LARGEST = 200 << 10
EVERY = 4
"""One in so many cuts is also continued: a pass finishes what is on it."""
LONGEST_WAIT = 0.12
"""Seconds between two cuts at most; a pass takes a few times as long."""


@dataclass(frozen=True, slots=True)
class Known:
    """What must not change about a file, whatever state it is in."""

    digest: bytes
    mode: int
    mtime_ns: int
    attribute: bytes

    @classmethod
    def of(cls, path: Path) -> "Known":
        """Look at a file, opening it if it is encrypted."""
        content = path.read_bytes()
        status = path.stat()
        return cls(
            sha256(passes.plain(content)).digest(),
            stat.S_IMODE(status.st_mode),
            status.st_mtime_ns,
            os.getxattr(path, "user.number"),
        )


@dataclass(slots=True)
class Cache:
    """The files as they were made."""

    point: Path
    known: dict[str, Known] = field(default_factory=dict)

    def make(self) -> None:
        """Make files of 1 byte to 200 KiB, small ones the most, in ten directories."""
        for number in range(FILES):
            path = self.point / f"d{number % 10}" / f"f{number}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(random.randbytes(int(LARGEST ** random.random())))
            os.setxattr(path, "user.number", b"%d" % number)
            path.chmod(random.choice((0o600, 0o644, 0o755, 0o4711)))
            os.utime(path, ns=(number, 10**18 + number))
            self.known[f"{path.parent.name}/{path.name}"] = Known.of(path)
        os.sync()


@dataclass(slots=True)
class Found:
    """What was on one cut disk."""

    encrypted: int = 0
    leftovers: int = 0


def look(cache: Cache, point: Path) -> Found:
    """Assert that every file is whole and nothing is there beside the files but leftovers of ours."""
    found = Found()
    missing = dict(cache.known)
    for directory in (entry for entry in point.iterdir() if entry.name.startswith("d")):
        for path in directory.iterdir():
            known = missing.pop(f"{directory.name}/{path.name}", None)
            if known is None:
                says = SecondName.parse(path.name)
                assert says, f"what is {path}?"
                assert says.unchanged_old(path.stat()) or says.unchanged_new(path.stat())
                found.leftovers += 1
            else:
                assert Known.of(path) == known, path
                found.encrypted += passes.is_encrypted(path.read_bytes())
    assert not missing
    return found


@contextmanager
def pass_at_work(disk: Disk, to: State) -> Iterator[passes.Running]:
    """Begin a pass with an empty index; it finishes with the block, and everything has been converted."""
    state = disk.directory.parent / f"state-{time.monotonic_ns()}"
    running = Plan(disk.point, passes.goal(to), state, processes=4).start()
    try:
        yield running
    finally:
        tally = running.tally()
    assert (tally.converted, tally.partial) == (FILES, False)


def cut_during_passes(disk: Disk, cuts: int) -> Iterator[tuple[State, Copy, bool]]:
    """Flip the cache back and forth until there are so many cuts of each direction.

    Yields the direction, the copy, and whether the pass had ended when the power went.
    """
    taken = {ENCRYPTED: 0, UNENCRYPTED: 0}
    number = 0
    while min(taken.values()) < cuts:
        for to in (ENCRYPTED, UNENCRYPTED):
            copies = []
            with pass_at_work(disk, to) as running:
                time.sleep(random.uniform(0, LONGEST_WAIT))  # a moment at random orders nothing
                while running.running:
                    number += 1
                    copies.append(disk.cut(number))
                    time.sleep(random.uniform(0, LONGEST_WAIT))
            number += 1
            yield to, disk.cut(number), True
            for copy in copies:
                taken[to] += 1
                yield to, copy, False


def finish(cache: Cache, point: Path, to: State, state: Path) -> None:
    """Assert that a pass on a cut disk finishes the work and leaves nothing of ours behind."""
    tally = Plan(point, passes.goal(to), state).run()
    assert not tally.partial
    assert look(cache, point) == Found(encrypted=FILES if to is ENCRYPTED else 0)


@pytest.mark.parametrize(
    "kind, cached, cuts",
    [
        pytest.param(EXT4, False, 13, id="ext4-through"),
        pytest.param(XFS, False, 13, id="xfs-through"),
        pytest.param(EXT4, True, 8, id="ext4-cached"),
        pytest.param(XFS, True, 8, id="xfs-cached"),
    ],
)
def test_every_file_is_whole_whenever_the_power_goes(
    common_path: Path, kind: Kind, cached: bool, cuts: int
) -> None:
    """Old or new with all metadata, both ways; what a finished pass reports done, stays done."""
    middle = {ENCRYPTED: 0, UNENCRYPTED: 0}
    with disk(kind, common_path, cached=cached) as one:
        cache = Cache(one.point)
        cache.make()
        for number, (to, copy, ended) in enumerate(cut_during_passes(one, cuts)):
            with copy.mounted() as point:
                found = look(cache, point)
                if ended:
                    assert found == Found(encrypted=FILES if to is ENCRYPTED else 0)
                elif number % EVERY == 0:
                    finish(cache, point, to, common_path / f"state-cut-{number}")
            middle[to] += not ended and 0 < found.encrypted < FILES
    # Cuts before the first or after the last exchange prove little: enough must fall in the middle.
    assert min(middle.values()) >= cuts // 3, middle
