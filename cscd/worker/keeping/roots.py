"""The roots of a user: those that are there, and those that are waited for.

Nothing of a root is held open between two passes: an open directory would keep its filesystem from being
unmounted when the user logs off.
"""

import errno
import os
import time
from dataclasses import dataclass
from typing import Final, Literal

from cscd.errors import TargetError
from cscd.files.tree import Tree

#: Seconds between two looks for a root that is not there; each wait is twice as long as the one before.
_FIRST: Final = 1.0
_LONGEST: Final = 60.0


@dataclass(slots=True)
class Root:
    """One root."""

    path: str
    """Absolute."""
    state: Literal["watched", "unwatched", "awaited"] = "awaited"
    reason: str = ""
    """Why it is not watched, or not there."""
    since: float = 0.0
    """Monotonic time since which it is awaited."""
    due: float = 0.0
    """Monotonic time of the next look for it."""
    wait: float = _FIRST
    mount: tuple[str, int] | None = None
    """Where the filesystem was mounted that the root was on, and the one below that: it may be unmounted."""
    identity: tuple[int, int] = (0, 0)
    """Device and inode number of the directory, when it was there last."""
    told: bool = False
    """Whether it was said that it is waited for."""

    @property
    def there(self) -> bool:
        """Whether it can be worked on."""
        return self.state != "awaited"

    def open(self) -> Tree | None:
        """Open it, or note why that cannot be; the caller closes the tree."""
        if self.mount and _unmounted(*self.mount):
            self.lose("unmounted")
            return None
        try:
            tree = Tree.open(self.path)
        except TargetError as error:
            self.lose(_why(error))
            return None
        self.mount = _mount(self.path, tree.device)
        self.identity = (tree.device, tree.inode)
        if not self.there:
            self.state, self.reason = "unwatched", ""
        return tree

    def replaced(self) -> bool:
        """Whether another directory is there now, or none."""
        try:
            status = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return True
        return (status.st_dev, status.st_ino) != self.identity

    def lose(self, reason: str) -> None:
        """Note that it is not there, and when to look for it again."""
        now = time.monotonic()
        if self.there or not self.since:
            self.since = now
            self.wait = _FIRST
            self.told = False
        self.state, self.reason = "awaited", reason
        self.due = now + self.wait
        self.wait = min(2 * self.wait, _LONGEST)


def _why(error: TargetError) -> str:
    """Return why a root cannot be opened, in one of the words of `root_awaited`."""
    cause = error.__cause__
    number = cause.errno if isinstance(cause, OSError) else errno.ENOTDIR
    if number in (errno.EACCES, errno.EPERM):
        return "no_permission"
    # A network filesystem whose server is gone, an autofs or FUSE mount whose daemon is: not there, either.
    return "not_a_directory" if number in (errno.ENOTDIR, errno.ELOOP) else "missing"


def _mount(path: str, device: int) -> tuple[str, int] | None:
    """Return the directory that the filesystem of a path is mounted on and the device below, None at the top.

    Nothing depends on it but the word for why a root is not there, and that an empty directory below a
    filesystem that was unmounted is not taken for the root.
    """
    at = path
    while at != "/":
        above = os.path.dirname(at)
        try:
            below = os.lstat(above).st_dev
        except OSError:
            return None
        if below != device:
            return at, below
        at = above
    return None


def _unmounted(mounted_on: str, below: int) -> bool:
    """Whether a directory that was another filesystem's is a directory of the one below now."""
    try:
        return os.lstat(mounted_on).st_dev == below
    except OSError:
        return False
