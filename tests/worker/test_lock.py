"""One pass at a time over one tree."""

import os
import signal
from pathlib import Path

import pytest

from cscd.errors import BusyError
from cscd.files.tree import Tree
from cscd.worker.lock import only_pass
from tests.support import forks


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Open a tree."""
    (tmp_path / "tree").mkdir()
    return Tree.open(str(tmp_path / "tree"))


def test_the_second_is_told_who_is_first(tree: Tree, tmp_path: Path) -> None:
    """A tree that is being worked on is refused, whatever path it was reached by; another one is not."""
    (tmp_path / "other").mkdir()

    def try_it() -> str:
        with pytest.raises(BusyError) as caught, only_pass(str(tmp_path), tree):
            pass
        with only_pass(str(tmp_path), Tree.open(str(tmp_path / "other"))):
            return str(caught.value)

    with only_pass(str(tmp_path), tree):
        message = forks.call(try_it, first=lambda: None)
    assert message == f"another pass is at work on {tree.path} (pid {os.getpid()})"
    with only_pass(str(tmp_path), tree):
        pass


def test_the_lock_goes_with_the_process(tree: Tree, tmp_path: Path) -> None:
    """However a pass ends, the next one can begin."""

    def die() -> None:
        with only_pass(str(tmp_path), tree):
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ChildProcessError):
        forks.call(die, first=lambda: None)
    with only_pass(str(tmp_path), tree):
        pass


def test_a_link_in_place_of_the_lock_is_not_followed(tree: Tree, tmp_path: Path) -> None:
    """Nothing is written through a symbolic link."""
    with only_pass(str(tmp_path), tree):
        (lock,) = tmp_path.glob("*.lock")
    lock.unlink()
    lock.symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"), only_pass(str(tmp_path), tree):
        pass
    assert not (tmp_path / "victim").exists()
