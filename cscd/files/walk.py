"""Walking a tree by descriptors: every directory once, its regular files by name, in slices.

No link is followed, no other filesystem entered, and nothing but directories is opened. What is kept grows
with the directories still to be entered, not with the files.
"""

import errno
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from cscd.files.failure import consequence
from cscd.files.outcome import LeftAlone, Reason
from cscd.files.tree import Tree

SLICE: Final = 4096
"""Entries of a directory that are listed at a time."""
LONGEST: Final = 4096
"""Bytes of a path below the root that are gone down: what is deeper, no program can open by its path
(PATH_MAX in limits.h), and to walk it would cost time without bound."""

Leave = Callable[[str, str, LeftAlone], None]
"""Is told of what is not walked: its directory, its name, and why."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of the files of a directory."""

    path: str
    """Of the directory, relative to the root, "" for the root itself."""
    fd: int
    """The directory, open until the next slice is asked for."""
    files: list[str]
    """Names of regular files, as they were when listed."""


@dataclass(frozen=True, slots=True)
class Done:
    """A directory with everything below it has been walked."""

    path: str


def walk(tree: Tree, leave: Leave, avoid: Collection[tuple[int, int]] = ()) -> Iterator[Slice | Done]:
    """Walk a tree, each directory before what is below it.

    `avoid` are directories that are not entered, by device and inode number. Raises nothing that a directory
    can cause: what cannot be entered is told to `leave`.
    """
    todo: list[str | Done] = [""]
    while todo:
        at = todo.pop()
        if isinstance(at, Done):
            yield at
            continue
        below: list[str] = []
        try:
            yield from _slices(tree, at, leave, avoid, below)
        except OSError as error:
            left = consequence(error)
            if isinstance(left, LeftAlone):
                leave(*os.path.split(at), left)
            continue
        except LeftAlone as left:
            leave(*os.path.split(at), left)
            continue
        todo.append(Done(at))
        todo += reversed(below)


def _slices(
    tree: Tree, path: str, leave: Leave, avoid: Collection[tuple[int, int]], below: list[str]
) -> Iterator[Slice]:
    """List a directory, and add the directories in it to `below`."""
    fd = tree.directory(path)
    try:
        status = os.fstat(fd)
        if (status.st_dev, status.st_ino) in avoid:
            raise LeftAlone(Reason.EXCLUDED)
        with os.scandir(fd) as entries:
            first = True
            while (some := list(islice(entries, SLICE))) or first:
                first = False
                some.sort(key=os.DirEntry.inode)  # on most filesystems the order on the disk
                yield Slice(path, fd, list(_files(path, some, leave, below)))
    finally:
        os.close(fd)


def _files(path: str, entries: list[os.DirEntry[str]], leave: Leave, below: list[str]) -> Iterator[str]:
    for entry in entries:
        try:
            if entry.is_file(follow_symlinks=False):
                yield entry.name
            elif not entry.is_dir(follow_symlinks=False):
                leave(path, entry.name, LeftAlone(Reason.NOT_REGULAR))
            elif len(os.fsencode(path)) + len(os.fsencode(entry.name)) < LONGEST:
                below.append(os.path.join(path, entry.name))
            else:
                leave(path, entry.name, LeftAlone(Reason.IO_ERROR, errno.ENAMETOOLONG, "too deep to open"))
        except OSError as error:  # where readdir(3) does not tell the type
            left = consequence(error)
            if isinstance(left, LeftAlone):
                leave(path, entry.name, left)
