"""One pass at a time over one tree."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from cscd.errors import BusyError
from cscd.files.tree import Tree
from cscd.worker.passes import lock
from cscd.worker.passes.lock import only_pass
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


@pytest.fixture
def survivor(tree: Tree, tmp_path: Path) -> Callable[[], None]:
    """Kill a pass whose converter process outlives it, with its lock; return what ends the converter."""
    reader, writer = os.pipe()

    def die() -> NoReturn:
        try:
            with only_pass(str(tmp_path), tree):
                if forks.fork():
                    os.kill(os.getpid(), signal.SIGKILL)
                os.close(writer)
                os.read(reader, 1)
        finally:
            os._exit(1)

    pid = forks.fork()
    if pid == 0:
        die()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    os.close(reader)
    return lambda: os.close(writer)


def test_a_lock_that_a_killed_pass_left_to_its_dying_processes_is_waited_for(
    tree: Tree, tmp_path: Path, survivor: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next pass begins as soon as the last of them is gone."""
    looked = 0

    def sleep(_seconds: float) -> None:
        nonlocal looked
        looked += 1
        if looked == 1:
            survivor()
        else:
            os.sched_yield()

    monkeypatch.setattr(time, "sleep", sleep)
    with only_pass(str(tmp_path), tree):
        assert looked


def test_a_process_that_keeps_the_lock_of_a_killed_pass_is_not_waited_for_without_end(
    tree: Tree, tmp_path: Path, survivor: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while the pass says that another one is at work."""
    monkeypatch.setattr(lock, "_DYING", 0.05)
    with pytest.raises(BusyError), only_pass(str(tmp_path), tree):
        pass
    survivor()


def test_a_link_in_place_of_the_lock_is_not_followed(tree: Tree, tmp_path: Path) -> None:
    """Nothing is written through a symbolic link."""
    with only_pass(str(tmp_path), tree):
        (path,) = tmp_path.glob("*.lock")
    path.unlink()
    path.symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"), only_pass(str(tmp_path), tree):
        pass
    assert not (tmp_path / "victim").exists()
