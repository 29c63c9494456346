"""The directories that a pass works on: all of them opened before the first is touched."""

import contextlib
import os
from collections.abc import Iterator, Sequence

from cscd.cli.keyring import Keyring
from cscd.errors import TargetError
from cscd.files.tree import Tree
from cscd.keys import StateDirectory


@contextlib.contextmanager
def opened(paths: Sequence[str], directory: StateDirectory) -> Iterator[list[Tree]]:
    """Open every directory, so that a mistaken one is known before anything is done.

    Raises TargetError for one that cannot be worked on, or that lies in our own state directory.
    """
    with contextlib.ExitStack() as stack:
        trees = []
        for path in paths:
            tree = Tree.open(path)
            stack.callback(tree.close)
            _refuse_own_state(tree, directory)
            trees.append(tree)
        yield trees


def spared(tree: Tree, directory: StateDirectory, keyring: Keyring) -> frozenset[int]:
    """Return the inode numbers in a tree that a pass must not touch: our state, and the keys it uses.

    Only those on the tree's own filesystem: elsewhere the same number is another file's.
    """
    files = [(directory.device, directory.inode), *((file.device, file.inode) for file in keyring.files)]
    return frozenset(inode for device, inode in files if device == tree.device)


def _refuse_own_state(tree: Tree, directory: StateDirectory) -> None:
    """Raise TargetError for a tree that is our state directory or lies within it."""
    at = os.dup(tree.fd)
    try:
        while True:
            here = os.fstat(at)
            if (here.st_dev, here.st_ino) == (directory.device, directory.inode):
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
