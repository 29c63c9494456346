"""The index: a cache that may be lost, stale or damaged."""

import os
import sqlite3
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest

from cscd.files.tree import Tree
from cscd.worker.passes.index import Index
from tests.support.passes import ENCRYPTED, UNENCRYPTED, goal

LARGE = 2**64 - 1
"""An inode number that SQLite cannot store as it is."""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Open a tree, beside a directory for its index."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "state").mkdir()
    return Tree.open(str(tmp_path / "tree"))


@pytest.fixture
def state(tree: Tree) -> Path:
    """Return the directory for the index."""
    return Path(tree.path).parent / "state"


def database(state: Path) -> Path:
    """Return the file that holds the index."""
    (path,) = state.glob("*.db")
    return path


def test_what_is_remembered_is_there_the_next_time(tree: Tree, state: Path) -> None:
    """Records are kept by directory, for the state that they were right in, readable to their owner alone."""
    with Index(str(state), tree, goal(ENCRYPTED)) as index:
        assert index.record(1) == b""
        index.remember(1, b"one")
        index.remember(LARGE, b"large")
        index.remember(1, b"one more")
    with Index(str(state), tree, goal(ENCRYPTED)) as index:
        assert (index.record(1), index.record(LARGE)) == (b"one more", b"large")
    with Index(str(state), tree, goal(UNENCRYPTED)) as index:
        assert index.record(1) == b""
    assert database(state).stat().st_mode & 0o777 == 0o600


def test_each_tree_has_its_own(tree: Tree, state: Path) -> None:
    """Inode numbers say nothing about another tree."""
    other = Path(tree.path) / "other"
    other.mkdir()
    with Index(str(state), tree, goal(ENCRYPTED)) as index:
        index.remember(1, b"one")
    with Index(str(state), Tree.open(str(other)), goal(ENCRYPTED)) as index:
        assert index.record(1) == b""


def overwrite(path: Path) -> None:
    """Make it something else altogether."""
    path.write_bytes(os.urandom(5000))


def cut_short(path: Path) -> None:
    """Lose the end."""
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path) -> None:
    """Damage the middle of every page, and keep the beginnings."""
    content = bytearray(path.read_bytes())
    for at in range(200, len(content), 4096):
        content[at : at + 3000] = os.urandom(3000)
    path.write_bytes(content)


def outdate(path: Path) -> None:
    """Give it the version of another program."""
    connection = sqlite3.connect(path)
    connection.executescript("DROP TABLE directory; PRAGMA user_version = 99; CREATE TABLE other (x)")
    connection.close()


@pytest.mark.parametrize("damage", [overwrite, cut_short, flip, outdate])
def test_a_damaged_index_is_made_anew(tree: Tree, state: Path, damage: Callable[[Path], None]) -> None:
    """Whatever is found in its place, records can be kept again, and no error comes out."""
    with Index(str(state), tree, goal(ENCRYPTED)) as index:
        for inode in range(500):
            index.remember(inode, bytes(100))
    damage(database(state))
    with Index(str(state), tree, goal(ENCRYPTED)) as index:
        index.record(1)
        index.remember(1, b"one")
    with Index(str(state), tree, goal(ENCRYPTED)) as index:
        assert index.record(1) in (b"one", b"", bytes(100))
        index.remember(1, b"two")


def test_an_index_that_cannot_be_kept_is_done_without(tree: Tree, state: Path) -> None:
    """With no place for the file (here a directory is in it) records are kept in memory for this pass."""
    with Index(str(state), tree, goal(ENCRYPTED)):
        pass
    path = database(state)
    path.unlink()
    path.mkdir()
    (path / "in the way").touch()
    with Index(str(state), tree, goal(ENCRYPTED)) as index:
        index.remember(1, b"one")
        assert index.record(1) == b"one"


def test_directories_that_are_no_more_are_forgotten_when_they_are_many(tree: Tree, state: Path) -> None:
    """A few are left in peace; thousands that a whole walk did not meet go."""
    with Index(str(state), tree, goal(ENCRYPTED)) as index:
        for inode in range(3000):
            index.remember(inode, b"x")
        index.forget_all_but(array("Q", range(2000)))
        assert index.record(2500) == b"x"
        index.forget_all_but(array("Q", [7, LARGE]))
        assert (index.record(7), index.record(2500)) == (b"x", b"")
