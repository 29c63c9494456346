"""The second name that an item's two versions share for a moment, and how its leftovers are known.

A conversion needs a second name in the item's directory from just before the exchange until the old
version is deleted. A run that is killed in between leaves that name behind, on the new version or on
the old one. The name itself says what it may be found on::

    .cscd-<old inode>-<new inode>-<mtime in ns>-<size of the old version>        (numbers in hex)

Both versions carry the same mtime. A file of the user's that merely has such a name has another inode
number, or has been changed since, and is an item like any other. At most 75 bytes long, whatever the
length of the item's own name.

Where the filesystem has no unnamed files (O_TMPFILE), the new version has a name while it is written::

    .cscd-new-<its own inode>        (16 hexadecimal digits; random ones as long as it is empty)
"""

import errno
import os
import re
import secrets
import stat
from dataclasses import dataclass
from typing import Final

#: The beginning of all names that we make.
PREFIX: Final = ".cscd-"
_PERMISSIONS: Final = stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO
_NEWBORN: Final = f"{PREFIX}new-"
_PATTERN: Final = re.compile(r"\.cscd-([0-9a-f]{1,16})-([0-9a-f]{1,16})-([0-9a-f]{1,16})-([0-9a-f]{1,16})")
_NEWBORN_PATTERN: Final = re.compile(_NEWBORN + "([0-9a-f]{16})")


def is_newborn(name: str, status: os.stat_result) -> bool:
    """Whether a file is a new version whose writing was cut short: the name says so, and the file agrees."""
    match = _NEWBORN_PATTERN.fullmatch(name)
    return match is not None and int(match[1], 16) == status.st_ino


def is_second(name: str, status: os.stat_result) -> bool:
    """Whether a file is one of the two versions that its name speaks of, or a new version being written."""
    says = SecondName.parse(name)
    if says is None:
        return is_newborn(name, status)
    return status.st_ino in (says.old_inode, says.new_inode)


def create(directory: int, mode: int) -> tuple[str, int]:
    """Create a new version, unnamed, or named where the filesystem has no unnamed files.

    Returns the name, "" if it has none, and the descriptor. Most unnamed ones have their final mode from the
    start, which saves a call: nobody else can open them. Without the owner's right to write, the kernel would
    refuse to set attributes.
    """
    mode = mode & _PERMISSIONS | stat.S_IRUSR | stat.S_IWUSR
    try:
        return "", os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, mode, dir_fd=directory)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL):
            raise
    return create_newborn(directory)


def create_newborn(directory: int) -> tuple[str, int]:
    """Create a named file for a new version; returns the name and the descriptor.

    A run that is killed between the two calls leaves an empty file, which nobody can tell from a user's.
    """
    name = _NEWBORN + secrets.token_hex(8)
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o600, dir_fd=directory)
    own = f"{_NEWBORN}{os.fstat(fd).st_ino:016x}"
    os.rename(name, own, src_dir_fd=directory, dst_dir_fd=directory)
    return own, fd


@dataclass(frozen=True, slots=True)
class SecondName:
    """What the name of a leftover says about the two versions of one item."""

    old_inode: int
    new_inode: int
    mtime_ns: int
    """Nanoseconds since the epoch, modulo 2**64 so that times before 1970 have a name too."""
    size: int
    """Bytes of the old version."""

    @classmethod
    def parse(cls, name: str) -> "SecondName | None":
        """Return what a file name says, None if it is not of this form."""
        match = _PATTERN.fullmatch(name)
        return cls(*(int(group, 16) for group in match.groups())) if match else None

    def __str__(self) -> str:
        """Return the file name."""
        return f"{PREFIX}{self.old_inode:x}-{self.new_inode:x}-{self.mtime_ns:x}-{self.size:x}"

    def unchanged_old(self, status: os.stat_result) -> bool:
        """Whether this is the old version, as it was read."""
        return self.is_old(status) and self._same_time(status) and status.st_size == self.size

    def unchanged_new(self, status: os.stat_result) -> bool:
        """Whether this is the new version, as it was written."""
        return status.st_ino == self.new_inode and self._same_time(status)

    def is_old(self, status: os.stat_result) -> bool:
        """Whether this is the old version, changed or not."""
        return status.st_ino == self.old_inode

    def _same_time(self, status: os.stat_result) -> bool:
        return status.st_mtime_ns % 2**64 == self.mtime_ns

    @classmethod
    def of(cls, old: os.stat_result, new_inode: int) -> "SecondName":
        """Return the name for one conversion; `old` as read when it began."""
        return cls(old.st_ino, new_inode, old.st_mtime_ns % 2**64, old.st_size)
