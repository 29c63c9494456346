"""The directories of a pass from their listing to the last of their items, and what the index learns."""

from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from cscd.files.outcome import LeftAlone, Seen
from cscd.worker.passes.index import Index
from cscd.worker.passes.record import Record
from cscd.worker.passes.scan import Listing

#: Items of a directory that are packed into a record at a time.
_PACK_FROM: Final = 4096


@dataclass(slots=True)
class _Directory:
    """A directory at work."""

    inode: int
    known: list[bytes] = field(default_factory=list)
    """Packed records, one a slice."""
    seen: list[Seen] = field(default_factory=list)
    """Items found right or made right since."""
    unchanged: bool = True
    listed: bool = False
    open_items: int = 0

    def add(self, seen: Seen) -> None:
        """Note an item that is right. Many are packed, to take an eighth of the memory."""
        self.unchanged = False
        self.seen.append(seen)
        if len(self.seen) >= _PACK_FROM:
            self.known.append(Record.of(self.seen).pack())
            self.seen.clear()

    def record(self) -> Record:
        """Return all that is known to be right."""
        return Record.merged([*map(Record.unpack, self.known), Record.of(self.seen)])


class Directories:
    """All directories that are at work; written to the index one by one as their last item is done."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._open: dict[str, _Directory] = {}
        self._met: array[int] = array("Q")
        self._learned: dict[str, _Directory] = {}
        """What became right in directories that were not listed."""

    def open(self, path: str, inode: int) -> bytes:
        """Begin a directory and return its record in the index."""
        self._open[path] = _Directory(inode)
        known = self._index.record(inode)
        learned = self._learned.get(path)
        return _updated(known, learned) if learned else known

    def __contains__(self, path: str) -> bool:
        """Whether a directory is at work."""
        return path in self._open

    def listed(self, path: str, listing: Listing) -> None:
        """Note a slice of a directory's listing."""
        directory = self._open[path]
        directory.open_items += len(listing.candidates)
        if listing.record is not None:
            directory.unchanged = False
            directory.known.append(listing.record)
        if not listing.more:
            directory.listed = True
            self._met.append(directory.inode)
            self._close_if_done(path, directory)

    def more(self, path: str) -> None:
        """Note an item of a directory that the listing did not tell of."""
        if path in self._open:
            self._open[path].open_items += 1

    def done(self, path: str, seen: Seen | None) -> None:
        """Note that an item has been dealt with, and the version known to be right if there is one."""
        directory = self._open.get(path)
        if directory is None:
            return
        directory.open_items -= 1
        if seen:
            directory.add(seen)
        self._close_if_done(path, directory)

    def learn(self, path: str, seen: Seen) -> None:
        """Note an item that is right and that no listing told of."""
        self._learned.setdefault(path, _Directory(0)).add(seen)

    def drop(self, path: str) -> int | None:
        """Forget a directory that could not be listed; returns its inode, None if it was not at work."""
        directory = self._open.pop(path, None)
        return directory.inode if directory else None

    def finish(self, inode: Callable[[str], int], *, whole: bool) -> None:
        """Write down what is known of the rest; after a whole walk, forget directories that are no more.

        `inode` returns the number of a directory given by its path; it raises OSError and `LeftAlone`.
        """
        for path, directory in list(self._open.items()):
            if directory.listed:
                self._close(path, directory)
        for path, directory in self._learned.items():
            with suppress(OSError, LeftAlone):  # it is gone
                directory.inode = inode(path)
                known = self._index.record(directory.inode)
                self._index.remember(directory.inode, _updated(known, directory))
        if whole:
            self._index.forget_all_but(self._met)

    def _close_if_done(self, path: str, directory: _Directory) -> None:
        if directory.listed and not directory.open_items:
            self._close(path, directory)

    def _close(self, path: str, directory: _Directory) -> None:
        del self._open[path]
        if directory.unchanged:
            return
        packed = directory.record().pack()
        if packed != self._index.record(directory.inode):
            self._index.remember(directory.inode, packed)


def _updated(packed: bytes, learned: _Directory) -> bytes:
    """Return a packed record with what has been learned since."""
    record = Record.unpack(packed)
    record.update(learned.record())
    return record.pack()
