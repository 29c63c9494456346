"""Reaching directories by descriptors."""

import errno
import os
from pathlib import Path

import pytest

from cscd.errors import TargetError
from cscd.files.outcome import LeftAlone, Reason
from cscd.files.tree import Tree
from tests.support.mounts import Mount


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Open a tree with a directory in a directory."""
    (tmp_path / "tree" / "one" / "two").mkdir(parents=True)
    return Tree.open(str(tmp_path / "tree"))


def test_a_directory_is_reached_by_its_path(tree: Tree, tmp_path: Path) -> None:
    """Every directory of the tree can be opened, its root by the empty path."""
    for path in ("", "one", "one/two"):
        fd = tree.directory(path)
        assert os.fstat(fd).st_ino == (tmp_path / "tree" / path).stat().st_ino
        os.close(fd)


@pytest.mark.parametrize("path", ["link", "link/two", "one/link", "one/file", "one/file/x"])
def test_links_and_files_lead_nowhere(tree: Tree, tmp_path: Path, path: str) -> None:
    """A component that is not a directory, or is a link to one, is refused by the kernel."""
    (tmp_path / "tree" / "link").symlink_to("one")
    (tmp_path / "tree" / "one" / "link").symlink_to("two")
    (tmp_path / "tree" / "one" / "file").touch()
    with pytest.raises(NotADirectoryError) as caught:
        tree.directory(path)
    assert caught.value.errno == errno.ENOTDIR


def test_no_descriptor_is_left_behind(tree: Tree) -> None:
    """A walk lets go of every step, whether it arrives or not."""
    before = os.listdir("/proc/self/fd")
    os.close(tree.directory("one/two"))
    for path in ("one/two/three", "one/three/two", "three"):
        with pytest.raises(FileNotFoundError):
            tree.directory(path)
    assert os.listdir("/proc/self/fd") == before


def test_the_root_stays_the_one_that_was_opened(tree: Tree, tmp_path: Path) -> None:
    """A tree that is renamed is worked on where it is now; what takes its name is another one."""
    (tmp_path / "tree").rename(tmp_path / "moved")
    (tmp_path / "tree").mkdir()
    fd = tree.directory("one")
    assert os.fstat(fd).st_ino == (tmp_path / "moved" / "one").stat().st_ino
    os.close(fd)


@pytest.mark.root
def test_another_filesystem_is_refused(tmpfs: Mount) -> None:
    """A directory that something was mounted on since is not part of the tree."""
    tree = Tree.open(str(tmpfs.point.parent))
    with pytest.raises(LeftAlone) as caught:
        tree.directory(tmpfs.point.name)
    assert caught.value.reason is Reason.OTHER_FILESYSTEM


def test_a_root_through_a_link_is_refused_with_the_real_path(tree: Tree, tmp_path: Path) -> None:
    """The message says what to give instead."""
    (tmp_path / "link").symlink_to("tree")
    with pytest.raises(TargetError, match=f"give the real path: {tree.path}/one"):
        Tree.open(str(tmp_path / "link" / "one"))
