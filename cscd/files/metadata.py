"""What an item carries besides its content, and how a copy comes to carry the same.

Kept: mode with setuid, setgid and sticky bits, group, ACLs and all extended attributes that the
caller can see, inode flags such as nodump, access and modification time in nanoseconds. Not kept,
because Linux has no call to set them: the time of birth and the change time.
"""

import errno
import os
import stat
from typing import Any, Final, NamedTuple, Self

from cscd.files import kernel
from cscd.files.outcome import LeftAlone, Reason

#: XFS shows its ACLs to root a second time, under names of its own.
_ALIASES: Final = ("trusted.SGI_ACL_FILE", "trusted.SGI_ACL_DEFAULT")


def _attributes(fd: int) -> dict[str, bytes]:
    try:
        names = os.listxattr(fd)  # of most files there are none
        return {name: os.getxattr(fd, name) for name in names if name not in _ALIASES} if names else {}
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.ENODATA):
            return {}
        raise


class Metadata(NamedTuple):
    """The metadata of an open file, as it was before anything of ours touched it."""

    mode: int
    uid: int
    gid: int
    links: int
    size: int
    atime_ns: int
    mtime_ns: int
    flags: int
    attributes: dict[str, bytes]

    @classmethod
    def of(cls, fd: int, status: os.stat_result) -> Self:
        """Read it; `status` is a fresh fstat of `fd`."""
        return cls(
            status.st_mode,
            status.st_uid,
            status.st_gid,
            status.st_nlink,
            status.st_size,
            status.st_atime_ns,
            status.st_mtime_ns,
            kernel.inode_flags(fd),
            _attributes(fd),
        )

    def carry_over(self, new: int, old: int) -> None:
        """Give an open file what was changed of another one's metadata since both were like this."""
        status, before = os.fstat(new), os.fstat(old)
        if self._replace(size=status.st_size).still_of(new, status):
            return
        one, other = Metadata.of(new, status), Metadata.of(old, before)

        def newer(field: str) -> Any:  # noqa: ANN401 - a field of any of the types above
            theirs, ours, given = getattr(one, field), getattr(other, field), getattr(self, field)
            return theirs if theirs != given and ours == given else ours

        fields = ("mode", "uid", "gid", "attributes")
        other._replace(**{field: newer(field) for field in fields}).give(old, before)

    def still_of(self, fd: int, status: os.stat_result) -> bool:
        """Whether an open file has this metadata and size still; access times do not count.

        For when the change time cannot tell, because a rename of ours has moved it.
        """
        return (
            status.st_mtime_ns == self.mtime_ns
            and status.st_size == self.size
            and status.st_mode == self.mode
            and status.st_nlink == self.links
            and status.st_gid == self.gid
            and status.st_uid == self.uid
            and _attributes(fd) == self.attributes
        )

    def give_flags(self, fd: int) -> None:
        """Set the inode flags of a new file while it is empty; some cannot be set later."""
        kept = self.flags & kernel.FLAGS_KEPT
        if kept:
            kernel.set_inode_flags(fd, kernel.inode_flags(fd) & ~kernel.FLAGS_KEPT | kept)

    def give(self, fd: int, status: os.stat_result) -> None:
        """Make a file that is complete otherwise carry this metadata; `status` says whose `fd` is now.

        Order matters: changing the group clears setuid and setgid, setting an ACL changes the mode,
        and anything may touch the times.

        Raises `LeftAlone` with METADATA where some of it cannot be reproduced: what the kernel says of
        the file afterwards is what counts, for it drops some things without an error.
        """
        try:
            self._give(fd, status)
        except PermissionError as error:
            number = error.errno or errno.EPERM
            detail = f"{os.strerror(number)} when copying its group, ACL or attributes"
            raise LeftAlone(Reason.METADATA, number, detail) from None
        if not self._is_of(fd):
            raise LeftAlone(Reason.METADATA, detail="its mode, group, times, ACL or flags cannot be kept")

    def _is_of(self, fd: int) -> bool:
        """Whether an open file has all of this now, its size apart."""
        status = os.fstat(fd)
        return (
            status.st_mode == self.mode
            and status.st_uid == self.uid
            and status.st_gid == self.gid
            and status.st_mtime_ns == self.mtime_ns
            and status.st_atime_ns == self.atime_ns
            and (not self.attributes or _attributes(fd) == self.attributes)
            and (not self.flags & kernel.FLAGS_KEPT or not self._other_flags(fd))
        )

    def _other_flags(self, fd: int) -> bool:
        return bool((kernel.inode_flags(fd) ^ self.flags) & kernel.FLAGS_KEPT)

    def _give(self, fd: int, status: os.stat_result) -> None:
        foreign = status.st_gid != self.gid or status.st_uid != self.uid
        if foreign:
            os.fchown(fd, self.uid, self.gid)
        if self._give_attributes(fd) or foreign or status.st_mode != self.mode:
            os.fchmod(fd, stat.S_IMODE(self.mode))
        os.utime(fd, ns=(self.atime_ns, self.mtime_ns))

    def _give_attributes(self, fd: int) -> bool:
        """Copy attributes and ACLs, and remove what the directory's defaults gave; False if all was there."""
        present = _attributes(fd)
        if present == self.attributes:
            return False
        for name in present.keys() - self.attributes.keys():
            os.removexattr(fd, name)
        # ACLs last: one that takes the owner's right to write away would stop the others.
        for name in sorted(self.attributes, key=lambda name: name.startswith("system.")):
            if present.get(name) != self.attributes[name]:
                os.setxattr(fd, name, self.attributes[name])
        return True
