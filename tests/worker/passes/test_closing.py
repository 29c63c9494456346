"""Hearing when somebody closes a file."""

import os
import select
from pathlib import Path

import pytest

from cscd.files.tree import Tree
from cscd.worker.passes.closing import ClosingFiles
from tests.support import forks

PATIENCE = 10
"""Seconds to wait for a hint before the test has failed."""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Open a tree with an item in its root and one in a directory."""
    (tmp_path / "tree" / "directory").mkdir(parents=True)
    for item in ("tree/item", "tree/directory/item"):
        (tmp_path / item).write_bytes(b"content")
    return Tree.open(str(tmp_path / "tree"))


def heard(closing: ClosingFiles) -> list[tuple[str, str]]:
    """Wait for a hint, and take it."""
    ready, _, _ = select.select([closing.wake], [], [], PATIENCE)
    assert ready, "no hint came"
    return closing.take()


@pytest.mark.parametrize("directory", ["", "directory"])
@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY])
def test_a_close_is_heard(tree: Tree, directory: str, flags: int) -> None:
    """Readers and writers are heard, by the directory's path in the tree and the file's name."""

    def listen() -> list[tuple[str, str]]:
        with ClosingFiles(tree) as closing:
            closing.watch({directory})
            os.close(os.open(Path(tree.path, directory, "item"), flags))
            return heard(closing)

    assert set(forks.call(listen, first=lambda: None)) == {(directory, "item")}


def test_our_own_closes_are_not_heard(tree: Tree) -> None:
    """One close by a reader that is expected says nothing; the next one does, and a writer's always."""

    def listen() -> tuple[list[tuple[str, str]], ...]:
        item = Path(tree.path) / "item"
        with ClosingFiles(tree) as closing:
            closing.watch({""})
            closing.expect([("", "item")])
            item.read_bytes()
            own = heard(closing)
            item.read_bytes()
            readers = heard(closing)
            closing.expect([("", "item")])
            os.close(os.open(item, os.O_WRONLY))
            return own, readers, heard(closing)

    assert forks.call(listen, first=lambda: None) == ([], [("", "item")], [("", "item")])


def test_only_what_is_watched_now_is_heard(tree: Tree) -> None:
    """A directory that nothing waits in any more is let go of; one that is gone is no error."""

    def listen() -> list[tuple[str, str]]:
        with ClosingFiles(tree) as closing:
            closing.watch({"", "directory", "missing"})
            closing.watch({"directory"})
            (Path(tree.path) / "item").read_bytes()
            (Path(tree.path) / "directory" / "item").read_bytes()
            return heard(closing)

    assert set(forks.call(listen, first=lambda: None)) == {("directory", "item")}


def test_a_directory_that_is_renamed_is_still_watched(tree: Tree) -> None:
    """It is known by its descriptor, not by its path."""

    def listen() -> list[tuple[str, str]]:
        with ClosingFiles(tree) as closing:
            closing.watch({"directory"})
            moved = Path(tree.path) / "moved"
            (Path(tree.path) / "directory").rename(moved)
            (moved / "item").read_bytes()
            return heard(closing)

    assert set(forks.call(listen, first=lambda: None)) == {("directory", "item")}


def test_more_directories_than_can_be_watched_are_no_error(tree: Tree) -> None:
    """Beyond the bound, items are tried again by time alone."""

    def listen() -> int:
        paths = {f"{number}" for number in range(100)}
        for path in paths:
            (Path(tree.path) / path).mkdir()
        with ClosingFiles(tree) as closing:
            closing.watch(paths)
            count = len(os.listdir("/proc/self/task"))
            closing.watch(set())
            return count

    assert forks.call(listen, first=lambda: None) < 100
