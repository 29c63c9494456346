"""The directories that a pass works on: all of them opened before the first is touched."""

import argparse
import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from cscd.errors import TargetError
from cscd.files.tree import Tree
from cscd.keys import StateDirectory


class Spared(Protocol):
    """What a pass must not touch, by its inode."""

    @property
    def device(self) -> int:
        """The number of its filesystem."""

    @property
    def inode(self) -> int:
        """Its number there."""


def directory(path: str) -> str:
    """Return an argument that names a directory; for argparse, which names the argument."""
    if not path:  # it would stand for the current directory, and for a variable that was not set
        raise argparse.ArgumentTypeError("an empty name is no directory; '.' is the current one")
    return path


@contextlib.contextmanager
def opened(paths: Sequence[str], state: StateDirectory | None) -> Iterator[list[Tree]]:
    """Open every directory once, so that a mistaken one is known before anything is done.

    Raises TargetError for one that cannot be worked on, or that lies in our own state directory.
    """
    with contextlib.ExitStack() as stack:
        trees: list[Tree] = []
        for path in paths:
            tree = Tree.open(path)
            stack.callback(tree.close)
            if state:
                _refuse_own_state(tree, state)
            if not any((tree.device, tree.inode) == (other.device, other.inode) for other in trees):
                trees.append(tree)
        yield trees


def spared(tree: Tree, files: Iterable[Spared]) -> frozenset[int]:
    """Return the inode numbers in a tree that a pass must not touch: our state, and the keys it uses.

    Only those on the tree's own filesystem: elsewhere the same number is another file's.
    """
    return frozenset(file.inode for file in files if file.device == tree.device)


def _refuse_own_state(tree: Tree, state: StateDirectory) -> None:
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
