"""Listing one directory and telling the items known to be right from those to be looked at.

No item is opened here: stat(2) and the record of the last pass decide. A large directory is listed in
slices, so that neither side of the pipe ever holds more than a slice of it.
"""

import os
import stat
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from cscd.files import kernel
from cscd.files.failure import consequence
from cscd.files.leftover import may_be_leftover
from cscd.files.outcome import LeftAlone, Reason
from cscd.files.temporary import is_second
from cscd.files.tree import Tree
from cscd.worker.passes.record import Record
from cscd.worker.passes.selection import Selection
from cscd.worker.passes.tally import FIRST

#: Entries in a slice: a few hundred bytes each while it is being worked on.
SLICE: Final = 8192


@dataclass(slots=True)
class Listing:
    """One slice of a directory."""

    right: int = 0
    """Items known to be right."""
    right_bytes: int = 0
    candidates: list[tuple[str, int]] = field(default_factory=list)
    """Names and sizes in bytes of the items to be looked at."""
    subdirectories: list[tuple[str, int]] = field(default_factory=list)
    """Names and inode numbers."""
    left: Counter[Reason] = field(default_factory=Counter)
    """How many files are left alone without a look inside."""
    left_first: list[tuple[str, Reason]] = field(default_factory=list)
    """The first names of each reason."""
    record: bytes | None = None
    """What is known to be right, packed; None if all of it is as it was in the record given."""
    more: bool = False
    """Whether there is another slice."""


class Scan:
    """A directory being listed."""

    def __init__(
        self, tree: Tree, path: str, packed: bytes, selection: Selection, began_ns: int | None = None
    ) -> None:
        """Open the directory at `path` of the tree; `packed` is the record of the last pass.

        The pass began at `began_ns`, in ns since 1970: second names that came later are its own.

        Raises OSError and `LeftAlone`.
        """
        self.path = path
        self._device = tree.device
        self._known = Record.unpack(packed)
        self._selection = selection
        self._user = os.geteuid()
        self._fd = tree.directory(path)
        try:
            self._entries = os.scandir(self._fd)
        except BaseException:
            os.close(self._fd)
            raise
        self._first = True
        self._began_ns = time.time_ns() if began_ns is None else began_ns

    def close(self) -> None:
        """Close the directory."""
        self._entries.close()
        os.close(self._fd)

    def slice(self) -> Listing:
        """List the next entries, in the order of inodes: on most filesystems the order on the disk."""
        entries = sorted(islice(self._entries, SLICE), key=os.DirEntry.inode)
        listing = Listing(more=len(entries) == SLICE)
        entries = [entry for at, entry in enumerate(entries) if not at or not _same(entry, entries[at - 1])]
        right, unknown = self._split(entries, listing)
        only_slice = self._first and not listing.more
        self._first = False
        listing.right = len(right)
        listing.right_bytes = sum(right.sizes)
        if not (only_slice and not unknown and right == self._known):
            listing.record = right.pack()
        listing.candidates = unknown
        return listing

    def _split(
        self, entries: list[os.DirEntry[str]], listing: Listing
    ) -> tuple[Record, list[tuple[str, int]]]:
        """Sort the slice's items into a record of what is right and a list of what is to be looked at."""
        right = Record()
        unknown: list[tuple[str, int]] = []
        spared = self._selection.spared
        knows, append = self._known.knows, right.append
        for entry, status in self._files(entries, listing):
            inode, ctime, size = status.st_ino, status.st_ctime_ns, status.st_size
            if may_be_leftover(entry.name) and self._is_ours_now(entry.name, status):
                continue
            if inode in spared:
                self._leave(listing, entry.name, Reason.EXCLUDED)
            elif knows(inode, ctime, size):
                append(inode, ctime, size)
            elif status.st_uid != self._user:
                self._leave(listing, entry.name, Reason.NOT_OWN)
            elif not size and not may_be_leftover(entry.name):
                self._leave(listing, entry.name, Reason.EMPTY)
            else:
                unknown.append((entry.name, size))
        return right, unknown

    def _is_ours_now(self, name: str, status: os.stat_result) -> bool:
        """Whether this is the second name of an item that this pass is converting at the moment."""
        return self._began_ns < status.st_ctime_ns <= time.time_ns() and is_second(name, status)

    def _files(
        self, entries: list[os.DirEntry[str]], listing: Listing
    ) -> Iterator[tuple[os.DirEntry[str], os.stat_result]]:
        """Yield the regular files that are items, with their status; note everything else."""
        select = None if self._selection.everything else self._selection.takes
        for entry in entries:
            if not entry.is_file(follow_symlinks=False):
                self._note_other(entry, listing)
            elif select and not select(self.path, entry.name) and not may_be_leftover(entry.name):
                self._leave(listing, entry.name, Reason.EXCLUDED)
            else:
                status = self._status(entry, listing)
                if status:
                    yield entry, status

    def _note_other(self, entry: os.DirEntry[str], listing: Listing) -> None:
        """Note what is not a regular file: a directory to walk, one not to, or something else."""
        if not entry.is_dir(follow_symlinks=False):
            self._leave(listing, entry.name, Reason.NOT_REGULAR)
            return
        if self._is_elsewhere(entry.name):
            self._leave(listing, entry.name, Reason.OTHER_FILESYSTEM)
            return
        status = self._status(entry, listing)
        if not status or not stat.S_ISDIR(status.st_mode):
            return
        if status.st_ino in self._selection.spared or not self._selection.enters(self.path, entry.name):
            self._leave(listing, entry.name, Reason.EXCLUDED)
        else:
            listing.subdirectories.append((entry.name, status.st_ino))

    def _is_elsewhere(self, name: str) -> bool:
        """Whether an entry is on another filesystem, whoever serves it: that one may never answer."""
        try:
            return kernel.device(self._fd, name) != self._device
        except OSError:
            return False

    def _status(self, entry: os.DirEntry[str], listing: Listing) -> os.stat_result | None:
        """Return the status of an entry; None if it is gone, or cannot be asked as a foreign mount."""
        try:
            return entry.stat(follow_symlinks=False)
        except OSError as error:
            left = consequence(error)
            if isinstance(left, LeftAlone):
                self._leave(listing, entry.name, left.reason)
            return None

    @staticmethod
    def _leave(listing: Listing, name: str, reason: Reason) -> None:
        listing.left[reason] += 1
        if listing.left[reason] <= FIRST:
            listing.left_first.append((name, reason))


def _same(entry: os.DirEntry[str], before: os.DirEntry[str]) -> bool:
    """Whether readdir(3) has told of a file twice; XFS does when a directory changes meanwhile."""
    return entry.inode() == before.inode() and entry.name == before.name
