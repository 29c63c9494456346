"""Roots that are there or not."""

import os
from pathlib import Path

import pytest

from cscd.worker.keeping.roots import Root
from tests.support import mounts, requires, users


def test_a_root_that_is_there_is_opened_and_not_kept_open(tmp_path: Path) -> None:
    """Who opened it closes it; what is known of it are numbers."""
    root = Root(str(tmp_path))
    before = os.listdir("/proc/self/fd")
    tree = root.open()
    assert tree
    tree.close()
    assert (root.there, root.state) == (True, "unwatched")
    assert not root.replaced()
    assert os.listdir("/proc/self/fd") == before


def test_waits_for_a_missing_root_grow(tmp_path: Path) -> None:
    """From a second to a minute."""
    root = Root(str(tmp_path / "missing"))
    waits = []
    for _ in range(8):
        assert root.open() is None
        waits.append(root.wait)
    assert (root.there, root.reason) == (False, "missing")
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]


def test_a_directory_in_the_place_of_the_root_is_another_one(tmp_path: Path) -> None:
    """The watch is not on that one."""
    path = tmp_path / "root"
    path.mkdir()
    root = Root(str(path))
    tree = root.open()
    assert tree
    path.rename(tmp_path / "moved")
    assert root.replaced()
    path.mkdir()
    assert root.replaced()
    tree.close()


@pytest.mark.root
def test_a_root_that_its_user_may_not_enter_is_said_to_be_so(tmp_path: Path) -> None:
    """The reason is the kernel's answer."""
    requires.root()
    closed = tmp_path / "closed"
    (closed / "root").mkdir(parents=True)
    closed.chmod(0o700)

    def look() -> str:
        root = Root(str(closed / "root"))
        root.open()
        return root.reason

    assert users.call_as(users.ALICE, look) == "no_permission"


@pytest.mark.root
def test_what_is_below_an_unmounted_filesystem_is_not_the_root(tmp_path: Path) -> None:
    """Until something is mounted there again."""
    point = tmp_path / "home"
    with mounts.tmpfs(point):
        root = Root(str(point))
        tree = root.open()
        assert tree
        tree.close()
    assert root.replaced()
    assert root.open() is None
    assert root.reason == "unmounted"
    with mounts.tmpfs(point):
        tree = root.open()
        assert tree
        tree.close()
