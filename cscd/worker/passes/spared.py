"""What a pass must never touch, though it may lie in a tree: our own state, and the keys in use."""

import os
from collections.abc import Iterable
from typing import Protocol

from cscd.errors import TargetError
from cscd.files.tree import Tree
from cscd.keys import StateDirectory


class Spared(Protocol):
    """A file or directory that must not be touched, by its inode."""

    @property
    def device(self) -> int:
        """The number of its filesystem."""

    @property
    def inode(self) -> int:
        """Its number there."""


def spared(tree: Tree, files: Iterable[Spared]) -> frozenset[int]:
    """Return the inode numbers in a tree that a pass must not touch.

    Only those on the tree's own filesystem: elsewhere the same number is another file's.
    """
    return frozenset(file.inode for file in files if file.device == tree.device)


def own_state(path: str, trees: Iterable[Tree]) -> frozenset[int]:
    """Return the inode number of the state directory, if it is on the filesystem of one of the trees."""
    try:
        status = os.stat(path, follow_symlinks=False)
    except OSError:
        return frozenset()  # the pass says what is wrong with it
    devices = {tree.device for tree in trees}
    return frozenset([status.st_ino] if status.st_dev in devices else [])


def refuse_own_state(tree: Tree, state: StateDirectory) -> None:
    """Raise TargetError for a tree that is our state directory or lies within it."""
    at = os.dup(tree.fd)
    try:
        while True:
            here = os.fstat(at)
            if (here.st_dev, here.st_ino) == (state.device, state.inode):
                raise TargetError(f"{tree.path} holds the keys and the state of cscd; it is never converted")
            above = os.open("..", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = above
            # Only the root directory is its own parent.
            if os.path.samestat(here, os.fstat(at)):
                return
    except PermissionError:
        return  # a directory of ours never lies below one that we may not enter
    finally:
        os.close(at)
