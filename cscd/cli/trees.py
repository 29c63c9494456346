"""The directories that a pass works on: all of them opened before the first is touched."""

import argparse
import contextlib
from collections.abc import Iterator, Sequence

from cscd.files.tree import Tree
from cscd.keys import StateDirectory
from cscd.worker.passes.spared import refuse_own_state


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
                refuse_own_state(tree, state)
            if not any((tree.device, tree.inode) == (other.device, other.inode) for other in trees):
                trees.append(tree)
        yield trees
