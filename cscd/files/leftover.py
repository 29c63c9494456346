"""Second names that a killed run left behind: recognised, and dealt with without losing a write."""

import contextlib
import os
import stat
from dataclasses import dataclass

from cscd import age
from cscd.errors import AgeError
from cscd.files.content import LOOK, examine
from cscd.files.failure import consequence
from cscd.files.lease import Lease
from cscd.files.outcome import Gone, LeftAlone, Reason
from cscd.files.swap import Pair
from cscd.files.temporary import PREFIX, SecondName, is_newborn

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def may_be_leftover(name: str) -> bool:
    """Whether a file name could be one of ours; only the file itself can tell."""
    return name.startswith(PREFIX)


@dataclass(frozen=True, slots=True)
class Leftover:
    """A leftover that has been dealt with."""

    restored: str = ""
    """The name of the item that was given its old version back, "" if the leftover was deleted."""


def clean(directory: int, name: str, *, looking: bool = False) -> Leftover | None:
    """Deal with a file whose name could be one of ours, or only look at it.

    Returns None if it is a file of the user's, to be treated as any other.

    Raises `LeftAlone` while somebody has it open (a run that is at work, too), and with KEPT_BOTH
    where a program has written to the old version since the run was killed and the item has been
    changed as well.
    """
    says = SecondName.parse(name)
    try:
        fd = os.open(name, _OPEN, dir_fd=directory)
    except FileNotFoundError:
        return Leftover()
    except OSError as error:
        raise consequence(error) from None
    try:
        status = os.fstat(fd)
        if not _is_ours(name, says, status):
            return None
        return Leftover() if looking else _clean_open(directory, name, says, fd, status)
    except OSError as error:
        raise consequence(error) from None
    finally:
        os.close(fd)


def _is_ours(name: str, says: SecondName | None, status: os.stat_result) -> bool:
    """Whether a file is what its name says."""
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_nlink != 1:
        return False
    if says is None:
        return is_newborn(name, status)
    return says.unchanged_new(status) or says.is_old(status)


def _clean_open(
    directory: int, name: str, says: SecondName | None, fd: int, status: os.stat_result
) -> Leftover | None:
    if says is None or says.unchanged_new(status) or says.unchanged_old(status):
        _delete(directory, name, fd, status)
        return Leftover()
    return _restore(directory, says, fd)


def _delete(directory: int, name: str, fd: int, status: os.stat_result) -> None:
    """Delete a version that is superseded, unless somebody has it open or changes it now."""
    lease = Lease(fd, required=False)
    if os.fstat(fd).st_ctime_ns != status.st_ctime_ns:
        raise LeftAlone(Reason.CHANGED_MEANWHILE)
    try:
        os.unlink(name, dir_fd=directory)
    finally:
        lease.release()


def _restore(directory: int, says: SecondName, fd: int) -> Leftover | None:
    """Give an old version, written to after the exchange, its name back."""
    item = _name_of(directory, says.new_inode)
    if item is None:
        return None  # The user moved or deleted the item since: what was written is the user's file now.
    lease = Lease(fd, required=False)
    try:
        if not _are_versions(directory, item, fd, says):
            return None
        Pair(directory, item, says).give_back_late(fd)
    finally:
        lease.release()
    return Leftover(item)


def _are_versions(directory: int, item: str, old: int, says: SecondName) -> bool:
    """Whether two files can be versions of each other, so that a name alone cannot have one replaced.

    One is encrypted and the other is not, and the new one has the size that follows from the old one's.
    """
    new = os.open(item, _OPEN, dir_fd=directory)
    try:
        status = os.fstat(new)
        if not says.unchanged_new(status):
            return True  # then nothing is replaced, and both are kept
        size = status.st_size
        found, before = (examine(fd, os.pread(fd, LOOK, 0)) for fd in (new, old))
    except LeftAlone:
        return False
    finally:
        os.close(new)
    try:
        if found and not before:
            return size == found[0].length + age.NONCE + age.sealed_size(says.size)
        if before and not found:
            return size == age.plain_size(says.size - before[0].length - age.NONCE)
    except AgeError:
        return False
    return False


def _name_of(directory: int, inode: int) -> str | None:
    """Find the name of an inode in an open directory."""
    with contextlib.suppress(Gone), os.scandir(directory) as entries:
        return next((entry.name for entry in entries if entry.inode() == inode), None)
    return None
