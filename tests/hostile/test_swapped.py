"""Another user swaps things for symbolic links in a tight loop while root walks."""

import mmap
import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cscd.files import kernel
from tests.support import forks, opens, passes, users
from tests.support.passes import ENCRYPTED, UNENCRYPTED, Plan
from tests.support.users import User

pytestmark = pytest.mark.root

ITEMS = 40
SWAPS = 20_000
"""Passes go on until there have been so many,"""
CONVERSIONS = 200
"""... and so many items have been converted in spite of them."""


@dataclass(slots=True)
class Swapping:
    """A process that swaps two names for each other until it is told to end."""

    count: mmap.mmap

    @property
    def times(self) -> int:
        """How often it has."""
        return int.from_bytes(self.count[:8], "little")


@contextmanager
def swapping(user: User, directory: Path, one: str, other: str) -> Iterator[Swapping]:
    """Have a user swap two names of a directory as fast as can be."""
    swaps = Swapping(mmap.mmap(-1, 8))
    pid = forks.fork()
    if not pid:
        try:
            users.become(user)
            fd = os.open(directory, os.O_PATH | os.O_DIRECTORY)
            for number in range(1, 1 << 40):
                kernel.exchange(fd, one, other)
                swaps.count[:8] = number.to_bytes(8, "little")
        finally:
            os._exit(1)
    try:
        yield swaps
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def make_items(directory: Path) -> dict[str, bytes]:
    """Fill a directory with items of root's."""
    directory.mkdir()
    items = {f"item{number}": random.randbytes(1000) for number in range(ITEMS)}
    for name, content in items.items():
        (directory / name).write_bytes(content)
    return items


def flip_until(swaps: Swapping, root: Path, state: Path) -> int:
    """Make passes both ways until there has been enough of everything; return how often an item was left."""
    converted = left = 0
    while swaps.times < SWAPS or converted < CONVERSIONS:
        for to in (ENCRYPTED, UNENCRYPTED):
            tally = Plan(root, passes.goal(to), state, processes=1).run()
            converted += tally.converted
            left += tally.left.total() + tally.gone
    return left


def statuses(directory: Path) -> dict[str, tuple[int, ...]]:
    """Return what would show that somebody touched a file."""
    return {
        path.name: (status.st_ino, status.st_ctime_ns, status.st_mtime_ns, status.st_size)
        for path in directory.iterdir()
        for status in [path.lstat()]
    }


def test_a_directory_swapped_for_a_link_leads_nowhere(common_path: Path, mallory: User) -> None:
    """Nothing outside the tree is ever opened, listed or changed, and what is inside is converted or left."""
    outside = common_path / "outside"
    make_items(outside)
    tree = common_path / "tree"
    hers = tree / "hers"
    hers.mkdir(parents=True)
    items = make_items(hers / "directory")
    (hers / "link").symlink_to(outside)
    os.chown(hers, mallory.uid, mallory.gid)
    os.chown(hers / "directory", mallory.uid, mallory.gid)
    before = statuses(outside)
    with (
        opens.watching(outside) as watch,
        swapping(mallory, hers, "directory", "link") as swaps,
    ):
        flip_until(swaps, tree, common_path / "state")
        assert watch.seen() == set()
    assert statuses(outside) == before
    inside = hers / ("link" if (hers / "directory").is_symlink() else "directory")
    assert {path.name: passes.plain(path.read_bytes()) for path in inside.iterdir()} == items


def test_an_item_swapped_for_a_link_leads_nowhere(common_path: Path, mallory: User) -> None:
    """The file that a link in place of an item points to is neither opened nor changed."""
    outside = common_path / "outside"
    make_items(outside)
    tree = common_path / "tree"
    items = make_items(tree)
    (tree / "link").symlink_to(outside / "item1")
    os.chown(tree, mallory.uid, mallory.gid)
    before = statuses(outside)
    with opens.watching(outside) as watch, swapping(mallory, tree, "item0", "link") as swaps:
        left = flip_until(swaps, tree, common_path / "state")
        assert watch.seen() == set()
    assert statuses(outside) == before
    assert left > 0
    if (tree / "item0").is_symlink():
        (tree / "link").rename(tree / "item0")
    else:
        (tree / "link").unlink()
    assert {path.name: passes.plain(path.read_bytes()) for path in tree.iterdir()} == items
