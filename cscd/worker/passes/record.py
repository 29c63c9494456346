"""Which items of one directory are known to be right: inode, ctime and size of each.

Packed as three columns of 64-bit numbers, sorted by inode: 24 bytes an item, compared as a whole in
one step, searched by bisection otherwise.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from heapq import merge
from typing import Final

from cscd.files.outcome import Seen

_NUMBER: Final = "Q"
_WIDTH: Final = 8
_COLUMNS: Final = 3
_MASK: Final = 2**64 - 1


class Record:
    """The items of a directory that are known to be right."""

    __slots__ = ("ctimes", "inodes", "sizes")

    def __init__(self) -> None:
        self.inodes = array(_NUMBER)
        self.ctimes = array(_NUMBER)
        self.sizes = array(_NUMBER)

    @classmethod
    def unpack(cls, packed: bytes) -> "Record":
        """Read what `pack` wrote; anything else gives an empty record, never an error."""
        record = cls()
        length, rest = divmod(len(packed), _COLUMNS * _WIDTH)
        if rest:
            return record
        column = length * _WIDTH
        record.inodes.frombytes(packed[:column])
        record.ctimes.frombytes(packed[column : 2 * column])
        record.sizes.frombytes(packed[2 * column :])
        return record

    def pack(self) -> bytes:
        """Return the record as bytes."""
        return self.inodes.tobytes() + self.ctimes.tobytes() + self.sizes.tobytes()

    def __len__(self) -> int:
        return len(self.inodes)

    def append(self, inode: int, ctime_ns: int, size: int) -> None:
        """Add an item; in the order of inodes, or `knows` will not find it."""
        self.inodes.append(inode)
        self.ctimes.append(ctime_ns & _MASK)
        self.sizes.append(size)

    def knows(self, inode: int, ctime_ns: int, size: int) -> bool:
        """Whether this very version of an item is known to be right."""
        at = bisect_left(self.inodes, inode)
        return (
            at < len(self.inodes)
            and self.inodes[at] == inode
            and self.ctimes[at] == ctime_ns & _MASK
            and self.sizes[at] == size
        )

    def update(self, other: "Record") -> None:
        """Take over what another record knows; it is the newer one."""
        for inode, ctime, size in zip(other.inodes, other.ctimes, other.sizes, strict=True):
            at = bisect_left(self.inodes, inode)
            if at < len(self.inodes) and self.inodes[at] == inode:
                self.ctimes[at], self.sizes[at] = ctime, size
            else:
                self.inodes.insert(at, inode)
                self.ctimes.insert(at, ctime)
                self.sizes.insert(at, size)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        return self.inodes == other.inodes and self.ctimes == other.ctimes and self.sizes == other.sizes

    __hash__ = None  # type: ignore[assignment] # mutable: mypy wants a method where the data model wants None

    @classmethod
    def merged(cls, records: "Iterable[Record]") -> "Record":
        """Merge records, each sorted in itself, without holding more than their numbers."""
        record = cls()
        for inode, ctime_ns, size in merge(*(zip(r.inodes, r.ctimes, r.sizes, strict=True) for r in records)):
            record.append(inode, ctime_ns, size)
        return record

    @classmethod
    def of(cls, versions: Iterable[Seen]) -> "Record":
        """Build a record from versions in any order."""
        record = cls()
        for version in sorted(versions):
            record.append(*version)
        return record
