"""Giving an encrypted item to other recipients: a new header, and the payload as it is.

The payload of an age file depends on the file key and its nonce, and the header is what gives the file key to
the recipients. So a header for others with the same file key is written before the payload that is there,
nonce and all: nothing is decrypted, and no byte of the payload goes through this process where the kernel can
copy it by itself (copy_file_range(2)), or have both versions share it, as Btrfs and XFS do.

What the file key gives away with that, and what not, is in `docs/conversion.md`.
"""

import errno
import os
from typing import Final

from cscd import age
from cscd.age import NONCE, Header, Marker
from cscd.files.goal import Goal
from cscd.files.outcome import LeftAlone, Reason
from cscd.files.rewrite import SEGMENT, Buffers, read, write, write_both

_BLOCK: Final = 4096
"""What a filesystem shares between two files lies at multiples of its blocks, mostly of this size."""
_CANNOT: Final = (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM)
"""The kernel or the filesystem does not copy by itself (copy_file_range(2)), or a sandbox does not let it."""


class Rekeying:
    """From an age file to the same for other recipients. Segments are those of the new version."""

    def __init__(self, beginning: bytes, header: Header, marker: Marker, goal: Goal, size: int) -> None:
        """Unlock the file key of an encrypted item of `size` bytes, and write the header for the goal.

        `beginning` is what has been read of the file already. Raises `AgeError` where no identity fits, the
        header is not authentic, or no payload has that size.
        """
        file_key = age.unlock(header, goal.identities)
        age.plain_size(size - header.length - NONCE)
        self._prefix = age.address(file_key, goal.recipients, goal.marker(sparse=marker.sparse))
        self._shift = len(self._prefix) - header.length
        self.new_size = size + self._shift
        self.segments = -(-self.new_size // SEGMENT)
        rest = beginning[header.length :]
        if len(beginning) < size:  # from here on the kernel copies, whole blocks as long as it can
            rest = rest[: -((len(self._prefix) + len(rest)) % _BLOCK) or None]
        self._known = memoryview(rest)

    def segment(self, number: int, source: int, target: int, buffers: Buffers) -> int:
        """Write one segment; see `Rewrite.segment`."""
        start, end = number * SEGMENT, min((number + 1) * SEGMENT, self.new_size)
        if number == 0:
            write_both(target, self._prefix, self._known)
        at = max(start, len(self._prefix) + len(self._known))
        while at < end:
            at += self._copy(source, target, at, end - at, buffers)
        return end - start

    def finish(self, target: int) -> None:
        """Nothing is left to do."""

    def _copy(self, source: int, target: int, at: int, length: int, buffers: Buffers) -> int:
        """Copy up to `length` bytes to an offset of the new version; return how many were.

        Raises `LeftAlone` with CHANGED_MEANWHILE where the source ends too early.
        """
        try:
            done = os.copy_file_range(source, target, length, at - self._shift, at)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
            data = read(source, buffers.plain[: min(length, len(buffers.plain))], at - self._shift)
            write(target, data, at)
            return len(data)
        if not done:
            raise LeftAlone(Reason.CHANGED_MEANWHILE)
        return done
