"""The exchange of an item's two versions under its name, and its undoing.

Each exchange is followed by a look at what came out of it: only the kernel's answer after the fact
says which file was really under the name at that instant.
"""

import contextlib
import errno
import os
from typing import Final, Self

from cscd.files import kernel
from cscd.files.lease import Lease
from cscd.files.metadata import Metadata
from cscd.files.outcome import Gone, LeftAlone, Reason
from cscd.files.temporary import SecondName

#: A bound for a loop that only goes round again when an editor saves within its microseconds.
_MOST_ROUNDS: Final = 64


class Pair:
    """An item's name, the second name beside it, and the inodes of the two versions."""

    __slots__ = ("_directory", "_name", "_says", "new_inode", "old_inode", "second")

    def __init__(self, directory: int, name: str, says: SecondName) -> None:
        """Work in an open directory; `says` is what the second name says."""
        self._directory = directory
        self._name = name
        self._says = says
        self.second = str(says)
        self.old_inode = says.old_inode
        self.new_inode = says.new_inode

    @classmethod
    def of(cls, directory: int, name: str, old: os.stat_result, new_inode: int) -> Self:
        """Plan the pair of an item as it was read, and the inode of its other version."""
        return cls(directory, name, SecondName.of(old, new_inode))

    def link(self, new: int, newborn: str) -> None:
        """Give the other version the second name; `newborn` is the name it has, "" if none."""
        if newborn:
            os.rename(newborn, self.second, src_dir_fd=self._directory, dst_dir_fd=self._directory)
        else:
            kernel.link_descriptor(new, self._directory, self.second)

    def exchange(self) -> os.stat_result:
        """Put the other version under the item's name.

        Returns the status of what came out. Unless it is the version that was read, it is to be put back.

        Raises `Gone` or `LeftAlone`, with the directory as it was, where the name does not lead to
        the version that was read: an editor saved by rename, or the user deleted it.
        """
        if self._inode(self._name) != self.old_inode:
            raise LeftAlone(Reason.CHANGED_MEANWHILE)
        try:
            kernel.exchange(self._directory, self._name, self.second)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                raise LeftAlone(Reason.NO_EXCHANGE, error.errno) from None
            if error.errno == errno.EPERM:
                raise LeftAlone(Reason.IMMUTABLE, error.errno) from None
            raise
        return self._status(self.second)

    def put_back(self) -> int:
        """Put what the second name leads to back under the item's name.

        Returns the inode now under the second name, which is superseded. That is the new version;
        or what was put back, if an editor replaced the item in the same instant: then the editor's
        file is left under the item's name.

        Raises `LeftAlone` with KEPT_BOTH where the item's name is gone.
        """
        try:
            return self._put_back()
        except (FileNotFoundError, Gone):
            raise LeftAlone(Reason.KEPT_BOTH, detail=f"it is kept as {self.second}") from None

    def _put_back(self) -> int:
        coming = self._inode(self.second)
        for _ in range(_MOST_ROUNDS):
            kernel.exchange(self._directory, self._name, self.second)
            came_out = self._inode(self.second)
            if came_out in (self.new_inode, coming):
                return came_out
            # A file saved between the two exchanges came out: it is the newest, and goes back. What
            # we had just put under the name has been replaced by it, as if we had never been there.
            coming = self._inode(self._name)
        raise LeftAlone(Reason.KEPT_BOTH, detail=f"it is kept as {self.second}")

    def give_back_late(self, old: int) -> None:
        """Put the old version, open as `old`, back after the new one could be opened by others.

        Done only if nobody has the new version open and nobody wrote to it. What it has been given
        meanwhile of mode, group and attributes, the old version gets.

        Raises `LeftAlone` with KEPT_BOTH otherwise.
        """
        both = LeftAlone(Reason.KEPT_BOTH, detail=f"the version from before is kept as {self.second}")
        try:
            fd = os.open(
                self._name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._directory
            )
        except OSError:
            raise both from None
        try:
            status = os.fstat(fd)
            if not self._says.unchanged_new(status) or status.st_nlink != 1:
                raise both
            lease = Lease(fd, required=False)
            _hand_over(fd, status, old)
            superseded = self.put_back()
            if superseded == self.new_inode:
                if not lease.nobody_came() and not lease.no_writer_came():
                    raise both
            elif os.fstat(fd).st_nlink:
                raise both  # the new version was not replaced but moved, and the old one has no name left
            self.delete_second(superseded)
        except LeftAlone:
            raise both from None
        finally:
            os.close(fd)

    def delete_old(self) -> None:
        """Delete the old version."""
        self.delete_second(self.old_inode)

    def delete_second(self, inode: int) -> None:
        """Delete the second name if it leads to the inode expected, and only then."""
        with contextlib.suppress(FileNotFoundError, Gone):
            if self._inode(self.second) == inode:
                os.unlink(self.second, dir_fd=self._directory)

    def discard(self) -> None:
        """Delete the new version of a conversion that was given up before the exchange."""
        self.delete_second(self.new_inode)

    def _inode(self, name: str) -> int:
        """Return the inode number under a name of the directory; `Gone` if there is none."""
        return self._status(name).st_ino

    def _status(self, name: str) -> os.stat_result:
        """Return what stat(2) says of a name of the directory; `Gone` if there is none."""
        try:
            return os.stat(name, dir_fd=self._directory, follow_symlinks=False)
        except FileNotFoundError:
            raise Gone from None


def _hand_over(new: int, status: os.stat_result, old: int) -> None:
    """Give the old version the mode, group and attributes of the new one, where they differ."""
    theirs, before = Metadata.of(new, status), os.fstat(old)
    ours = Metadata.of(old, before)
    wanted = ours._replace(mode=theirs.mode, uid=theirs.uid, gid=theirs.gid, attributes=theirs.attributes)
    if wanted != ours:
        wanted.give(old, before)
