"""A plain copy of one file in another place: whole under its name, or not there at all.

Nothing is ever replaced, and nothing that is not proven genuine gets a name. The original is only read: it
may be another user's, so that it is opened as what a stranger has put there, and looked at when it is open.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from cscd import age
from cscd.age import Header, Identity, Marker
from cscd.age.marker import STANZA
from cscd.errors import AgeError, MacError, NoMatchError
from cscd.files import kernel
from cscd.files.content import LOOK, examine
from cscd.files.failure import consequence
from cscd.files.goal import Goal, State
from cscd.files.outcome import LeftAlone, Reason
from cscd.files.rewrite import SEGMENT, Decryption, Duplication, Rewrite, Rewriter
from cscd.files.room import check_room
from cscd.files.temporary import create, is_second
from cscd.files.version import version

#: O_NOFOLLOW: a link swapped in leads nowhere. O_NONBLOCK: a FIFO or a lease cannot stop us.
_OPEN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_PERMISSIONS: Final = stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO
_ACL: Final = "system.posix_acl_access"
_FIRST_STANZA: Final = 64
"""Bytes that hold the version line and our marker, which is the first stanza."""
_FOREIGN: Final = Marker("0" * 16)
"""Stands in for the marker of an age file that has none."""


def open_original(directory: int, name: str) -> int:
    """Open a file to be read, leaving no trace of that where it is allowed. Raises OSError."""
    try:
        return os.open(name, _OPEN | os.O_NOATIME, dir_fd=directory)
    except PermissionError as error:
        if error.errno != errno.EPERM:
            raise
        return os.open(name, _OPEN, dir_fd=directory)  # only the owner and root may ask so (open(2))


def look(fd: int, beginning: bytes, identities: Sequence[Identity]) -> tuple[Header, Marker] | None:
    """Return the header and marker of an encrypted item, None for content of any other kind.

    As `examine` does, and stricter: here an item must not pass for plain because its header is damaged. So it
    is taken for one if it has a stanza of ours all the same, or begins with what is left of one, or if an
    identity unwraps its file key and the MAC is wrong.

    Raises `LeftAlone` with DAMAGED, and OSError from reading.
    """
    found = examine(fd, beginning)
    if found or not age.looks_like_age(beginning):
        return found
    try:
        header, _ = age.read_header(lambda size, offset: os.pread(fd, size, offset))
        if any(stanza.type == STANZA for stanza in header.stanzas):
            raise LeftAlone(Reason.DAMAGED, detail="its marker has been altered")
        age.unlock(header, identities)
    except NoMatchError:
        return None  # an age file of the user's
    except AgeError as error:
        if isinstance(error, MacError) or STANZA.encode("ascii") in beginning[:_FIRST_STANZA]:
            raise LeftAlone(Reason.DAMAGED, detail=str(error)) from None
    return None


@dataclass(frozen=True, slots=True)
class Manner:
    """What is copied, and how."""

    identities: Sequence[Identity]
    only_encrypted: bool = False
    """Leave alone what is not encrypted."""
    all_age: bool = False
    """Decrypt also age files that cscd did not write, where an identity opens them."""
    spared: Collection[tuple[int, int]] = ()
    """Files that are not copied, by device and inode number: the keys in use."""


class Copy:
    """One copy on its way; owns its descriptors until `close`."""

    def __init__(self, directory: int, name: str, manner: Manner) -> None:
        """Open the original. Raises OSError and `LeftAlone`."""
        self.name = name
        self.size = 0
        """Bytes of the original."""
        self.was_plain = False
        """Whether the original is not encrypted."""
        self.lessened = False
        """Whether the copy lacks the owner, the ACL or some attribute of the original."""
        self.new = -1
        self._newborn = ""
        self._target = -1
        self._source = open_original(directory, name)
        try:
            self._status = os.fstat(self._source)
            self._make = self._look(manner)
        except BaseException:
            os.close(self._source)
            raise

    def _look(self, manner: Manner) -> Callable[[], Rewrite]:
        """Find out what the original is; returns what makes the rewrite."""
        status = self._status
        self.size = size = status.st_size
        if not stat.S_ISREG(status.st_mode):
            raise LeftAlone(Reason.NOT_REGULAR)
        if is_second(self.name, status) or (status.st_dev, status.st_ino) in manner.spared:
            raise LeftAlone(Reason.EXCLUDED)
        source, beginning = self._source, os.pread(self._source, LOOK, 0)
        goal = Goal(State.UNENCRYPTED, identities=manner.identities)
        found = look(source, beginning, manner.identities)
        if found:
            return lambda: Decryption(source, beginning, *found, goal, size)
        if manner.all_age and age.looks_like_age(beginning):
            with contextlib.suppress(AgeError):  # content like any other, which is copied as it is
                header, _ = age.read_header(lambda length, offset: os.pread(source, length, offset))
                decryption = Decryption(source, beginning, header, _FOREIGN, goal, size)
                return lambda: decryption
        if manner.only_encrypted:
            raise LeftAlone(Reason.NOT_ENCRYPTED if size else Reason.EMPTY)
        self.was_plain = True
        sparse = status.st_blocks * 512 < size
        return lambda: Duplication(beginning, size, sparse=sparse)

    def write(
        self, target: int, rewriter: Rewriter, *, check: Callable[[], None], count: Callable[[int], None]
    ) -> bool:
        """Write the copy without a name; not yet durable. Returns False if it is there from an earlier time.

        `target` is the directory. Raises `LeftAlone`, OSError, and what `check` raises between two segments.
        """

        def check_all() -> None:
            check()
            if rewrite.segments > 1:
                check_room(target, SEGMENT)

        try:
            rewrite = self._make()
            if self._is_there(target, rewrite.new_size):
                return False
            check_room(target, rewrite.new_size)
            self._target = os.dup(target)
            self._newborn, self.new = create(target, stat.S_IRUSR | stat.S_IWUSR)
            rewriter.run(rewrite, self._source, self.new, check=check_all, count=count)
        except NoMatchError:
            raise LeftAlone(Reason.NO_IDENTITY) from None
        except AgeError as error:
            raise LeftAlone(Reason.DAMAGED, detail=str(error)) from None
        self._give_metadata()
        return True

    def _is_there(self, target: int, size: int) -> bool:
        """Whether a file of that name, size and time is there; `LeftAlone` for anything else."""
        try:
            status = os.stat(self.name, dir_fd=target, follow_symlinks=False)
        except FileNotFoundError:
            return False
        same = status.st_size == size and status.st_mtime_ns == self._status.st_mtime_ns
        if stat.S_ISREG(status.st_mode) and same:
            return True
        raise LeftAlone(Reason.TARGET_EXISTS)

    def _give_metadata(self) -> None:
        """Give the copy the permissions and times of the original, and as root its owner.

        Not the set-id bits nor the capabilities of a program: a copy gives nobody more rights than before.
        """
        self.lessened = not own(self.new, self._status) or not _give_attributes(self._source, self.new)
        try:
            os.fchmod(self.new, self._status.st_mode & _PERMISSIONS)
            os.utime(self.new, ns=(self._status.st_atime_ns, self._status.st_mtime_ns))
        except PermissionError:  # FAT has no permissions (mount(8))
            self.lessened = True

    def give_name(self) -> None:
        """Put the copy, which is durable by now, under its name. Raises OSError and `LeftAlone`."""
        if version(os.fstat(self._source)) != version(self._status):
            raise LeftAlone(Reason.CHANGED_MEANWHILE)
        try:
            if not self._newborn:
                kernel.link_descriptor(self.new, self._target, self.name)
                return
            self._rename()
            self._newborn = ""
        except FileExistsError:
            raise LeftAlone(Reason.TARGET_EXISTS) from None

    def _rename(self) -> None:
        """Give a copy its own name that has had another one, where the filesystem has no unnamed files."""
        try:
            kernel.rename_new(self._target, self._newborn, self.name)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a filesystem that cannot promise not to replace
                raise
            fds = {"src_dir_fd": self._target, "dst_dir_fd": self._target}
            os.link(self._newborn, self.name, **fds, follow_symlinks=False)
            os.unlink(self._newborn, dir_fd=self._target)

    def close(self) -> None:
        """Let go of everything; a copy that has not got its name is gone then."""
        if self._newborn:
            with contextlib.suppress(OSError):
                os.unlink(self._newborn, dir_fd=self._target)
        for fd in (self._source, self.new, self._target):
            if fd >= 0:
                os.close(fd)


def own(fd: int, status: os.stat_result) -> bool:
    """Give a new file or directory the owner and group of another, as far as that is ours to do.

    Returns False where root could not. An ordinary user owns what they make, and gives it a group of theirs.
    """
    mine = os.fstat(fd)
    if (mine.st_uid, mine.st_gid) == (status.st_uid, status.st_gid):
        return True
    root = os.geteuid() == 0
    try:
        os.fchown(fd, status.st_uid if root else -1, status.st_gid)
    except OSError:
        return not root
    return True


def _give_attributes(source: int, new: int) -> bool:
    """Copy the ACL and the user's attributes; False if some could not be.

    An ACL that the directory gave the copy goes: it could let somebody read what they could not before.
    """
    try:
        wanted = {name: os.getxattr(source, name) for name in os.listxattr(source) if _is_copied(name)}
    except OSError as error:
        return error.errno in (errno.EOPNOTSUPP, errno.ENODATA)
    complete = True
    with contextlib.suppress(OSError):
        if _ACL in os.listxattr(new) and _ACL not in wanted:
            os.removexattr(new, _ACL)
    for name, value in wanted.items():
        try:
            os.setxattr(new, name, value)
        except OSError:
            complete = False
    return complete


def _is_copied(name: str) -> bool:
    return name.startswith("user.") or name == _ACL


def left_alone(error: OSError) -> LeftAlone | None:
    """Return why a file is left alone after an error; None if it is no more."""
    left = consequence(error)
    return left if isinstance(left, LeftAlone) else None
