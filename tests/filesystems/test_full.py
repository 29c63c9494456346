"""A filesystem that fills up, and a quota that is used up, in the middle of a pass."""

import contextlib
import os
import random
from pathlib import Path

import pytest

from cscd.files.outcome import Reason
from tests.support import passes
from tests.support.mounts import MIB, Mount, run
from tests.support.passes import ENCRYPTED, UNENCRYPTED, Plan

pytestmark = pytest.mark.root

SIZES = [100 << 10] * 25 + [3 * MIB]
"""Bytes of the items. The largest does not fit beside itself; of the others a few do, at a time."""
FREE = 700 << 10
"""Bytes left on the disk of 16 MiB."""


def fill(point: Path, free: int) -> tuple[dict[Path, bytes], Path]:
    """Fill a filesystem with items and ballast up to so many free bytes; return both."""
    tree = point / "tree"
    tree.mkdir()
    items = {tree / f"item{number}": random.randbytes(size) for number, size in enumerate(SIZES)}
    for path, content in items.items():
        path.write_bytes(content)
    ballast = point / "ballast"
    with ballast.open("xb") as file:
        while free_bytes(point) > free:
            file.write(bytes(64 << 10))
            file.flush()
            os.fsync(file)
    return items, ballast


def free_bytes(point: Path) -> int:
    """How much an unprivileged user may still write."""
    room = os.statvfs(point)
    return room.f_bavail * room.f_frsize


def assert_whole(items: dict[Path, bytes]) -> None:
    """Every item holds what it held, and nothing else is in its directory."""
    assert {path: passes.plain(path.read_bytes()) for path in items} == items
    assert set(next(iter(items)).parent.iterdir()) == set(items)


def test_a_full_disk_leaves_items_whole_and_is_not_filled_by_us(small: Mount, tmp_path: Path) -> None:
    """What does not fit is left, what the pass took is free again, and with space it is finished."""
    items, ballast = fill(small.point, FREE)
    before = free_bytes(small.point)
    plan = Plan(small.point / "tree", passes.goal(ENCRYPTED), tmp_path / "state")
    tally = plan.run()
    assert set(tally.left) == {Reason.NO_SPACE}
    assert tally.partial
    assert_whole(items)
    assert free_bytes(small.point) >= before - (64 << 10)
    ballast.unlink()
    tally = plan.run()
    assert (tally.left.total(), tally.partial) == (0, False)
    assert_whole(items)


def test_items_that_crowd_each_other_out_are_tried_again(small: Mount, tmp_path: Path) -> None:
    """All that fits one after the other is converted in one pass, though it does not fit all at once."""
    items, _ = fill(small.point, FREE)
    tally = Plan(small.point / "tree", passes.goal(ENCRYPTED), tmp_path / "state", processes=1).run()
    assert (tally.converted, tally.left) == (len(items) - 1, {Reason.NO_SPACE: 1})
    assert_whole(items)


def test_applications_keep_their_room_during_a_pass(small: Mount, tmp_path: Path) -> None:
    """An application that writes a little all the while never meets a full disk because of a pass."""
    items, _ = fill(small.point, FREE)
    room = os.statvfs(small.point)
    reserve = room.f_blocks * room.f_frsize // 64
    plan = Plan(small.point / "tree", passes.goal(ENCRYPTED), tmp_path / "state", processes=1)
    with (small.point / "log").open("xb", buffering=0) as log:
        running = plan.start()
        for _ in range(reserve // 2 // 1024):
            log.write(bytes(1024))
            os.fsync(log)
        assert running.tally().left[Reason.NO_SPACE]
    assert_whole(items)


def test_a_disk_full_when_unencrypting_is_like_when_encrypting(small: Mount, tmp_path: Path) -> None:
    """The way back needs as much room: what does not fit stays encrypted and whole."""
    tree = small.point / "tree"
    tree.mkdir()
    item = tree / "item"
    content = random.randbytes(5 * MIB)
    item.write_bytes(content)
    assert Plan(tree, passes.goal(ENCRYPTED), tmp_path / "state").run().converted == 1
    (small.point / "ballast").write_bytes(bytes(free_bytes(small.point) - MIB))
    tally = Plan(tree, passes.goal(UNENCRYPTED), tmp_path / "state").run()
    assert passes.left(tally) == {"item": Reason.NO_SPACE}
    assert passes.is_encrypted(item.read_bytes())
    assert_whole({item: content})


def test_a_full_disk_for_our_own_state_does_not_stop_a_pass(small: Mount, tmp_path: Path) -> None:
    """With no space for the index and the lock's message, the work is done all the same."""
    state = small.point / "state"
    state.mkdir()
    plan = Plan(tmp_path / "tree", passes.goal(ENCRYPTED), state)
    (tmp_path / "tree").mkdir()
    item = tmp_path / "tree" / "item"
    item.write_bytes(b"content")
    with (small.point / "ballast").open("xb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1024))
    assert free_bytes(small.point) == 0
    tally = plan.run()
    assert (tally.converted, tally.partial) == (1, False)


def test_a_quota_leaves_items_whole(quota: Mount, tmp_path: Path) -> None:
    """Over quota (EDQUOT) is no space as well, although the disk has some; a raised quota finishes."""
    tree = quota.point / "tree"
    tree.mkdir()
    sizes = (300 << 10, 300 << 10, 300 << 10, 2400 << 10)  # of 4 MiB granted
    items = {tree / f"item{number}": random.randbytes(size) for number, size in enumerate(sizes)}
    for path, content in items.items():
        path.write_bytes(content)
    os.sync()
    plan = Plan(tree, passes.goal(ENCRYPTED), tmp_path / "state")
    tally = plan.run()
    assert set(tally.left) == {Reason.NO_SPACE}
    assert tally.partial
    assert_whole(items)
    run("btrfs", "qgroup", "limit", "none", quota.point)
    tally = plan.run()
    assert (tally.left.total(), tally.partial) == (0, False)
    assert_whole(items)
