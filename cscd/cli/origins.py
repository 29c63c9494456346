"""What ``cscd recover`` is given: directories and single files, and a directory to put copies into."""

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cscd.errors import TargetError
from cscd.files.tree import Tree


@dataclass(frozen=True, slots=True)
class Origin:
    """A directory to be restored, or one file of it."""

    path: str
    """As it is told: absolute, of the directory or of the file."""
    tree: Tree
    only: str
    """The name of the file, "" for the whole directory."""


@contextlib.contextmanager
def opened(paths: Sequence[str]) -> Iterator[list[Origin]]:
    """Open every directory once, so that a mistaken one is known before anything is done.

    Raises TargetError for what is missing, no directory and no regular file, or behind a symbolic link.
    """
    with contextlib.ExitStack() as stack:
        origins: list[Origin] = []
        for path in paths:
            origin = _opened(os.path.abspath(path), in_directory=not path.endswith("/"))
            stack.callback(origin.tree.close)
            if not any(_same(origin, other) for other in origins):
                origins.append(origin)
        yield origins


def _opened(path: str, *, in_directory: bool) -> Origin:
    """Open a directory, or the one that a file is in; what the name leads to counts, not a link."""
    directory, name = os.path.split(path)
    if not name:
        return Origin(path, Tree.open(path), "")
    above = Tree.open(directory)
    try:
        status = os.stat(name, dir_fd=above.fd, follow_symlinks=False)
    except OSError as error:
        above.close()
        raise TargetError(f"{path}: {os.strerror(error.errno or 0)}") from error
    if stat.S_ISREG(status.st_mode) and in_directory:
        return Origin(path, above, name)
    above.close()
    return Origin(path, Tree.open(path), "")


def _same(one: Origin, other: Origin) -> bool:
    same_tree = (one.tree.device, one.tree.inode) == (other.tree.device, other.tree.inode)
    return same_tree and one.only == other.only


def beside(origins: Sequence[Origin]) -> list[str]:
    """Return for each origin the directory of its copies, as cp(1) names it: after the origin's own.

    Raises TargetError for two of one name: what is whose could not be told apart.
    """
    names = [os.path.basename(origin.path) for origin in origins]
    for at, name in enumerate(names):
        if name in names[:at]:
            first = origins[names.index(name)].path
            raise TargetError(f"{first} and {origins[at].path} have one name; restore one after the other")
    return ["" if origin.only else name for origin, name in zip(origins, names, strict=True)]


@contextlib.contextmanager
def target(path: str) -> Iterator[Tree]:
    """Open the directory for copies, made if it is not there, and then closed to others.

    Raises TargetError where it cannot be.
    """
    try:
        os.mkdir(path, stat.S_IRWXU)
    except FileExistsError:
        pass  # `Tree.open` says if it is no directory
    except OSError as error:
        raise TargetError(f"{path}: {os.strerror(error.errno or 0)}") from error
    tree = Tree.open(path)
    try:
        yield tree
    finally:
        tree.close()
