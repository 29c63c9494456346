"""Having every directory of a root watched, and knowing which are not.

A directory is watched first and listed then, so that what appears in it meanwhile is seen one way or the
other. Directories are reached as in a pass: by descriptors, never through a symbolic link, never into
another filesystem, and none that an exclude pattern matches. The kernel is given /proc/self/fd/…, which no
rename can lead elsewhere.
"""

import errno
import os
from collections.abc import Iterator
from typing import Final

from watchdog.observers.inotify_c import CallbackId, InotifyConstants, Mask, WatchDescriptor

from cscd.files.outcome import LeftAlone
from cscd.worker.passes.selection import Selection
from cscd.worker.watch.branches import Branch, Branches
from cscd.worker.watch.ground import Ground
from cscd.worker.watch.intake import Intake, Reader

#: Of a directory. Not IN_MODIFY, which every write of everybody would wake us for.
_EVENTS: Final = (
    InotifyConstants.IN_CREATE
    | InotifyConstants.IN_MOVED_FROM
    | InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_ONLYDIR
)
#: Of a directory in which readers are awaited.
_READERS: Final = _EVENTS | InotifyConstants.IN_CLOSE_NOWRITE
#: Of the root besides.
_OF_ROOT: Final = InotifyConstants.IN_DELETE_SELF | InotifyConstants.IN_MOVE_SELF
#: Of the directory that holds the root: of the removal of a directory that somebody keeps open, as we do,
#: the kernel tells only there.
_ABOVE: Final = InotifyConstants.IN_DELETE | InotifyConstants.IN_MOVED_FROM | InotifyConstants.IN_ONLYDIR
_ADD: Final = InotifyConstants.IN_MASK_ADD
#: Characters of a path at most, that of the root included: PATH_MAX, as messages to the daemon hold it.
_LONGEST: Final = 4096
#: open(2) where this process or the system has too much open.
_NO_ROOM: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
#: inotify_add_watch(2) of a directory that is gone, or may not be read: a pass cannot list it either.
_NOT_OURS: Final = (errno.ENOENT, errno.ENOTDIR, errno.EACCES)


class Coverage:
    """The watches of one root."""

    def __init__(
        self, number: int, ground: Ground, selection: Selection, reader: Reader, intake: Intake
    ) -> None:
        """Watch nothing yet."""
        self._number = number
        self._ground = ground
        self._selection = selection
        self._reader = reader
        self._intake = intake
        self._awaited: set[str] = set()
        """Directories in which readers are awaited, watched or not."""
        self.branches = Branches()
        self.unwatched = 0
        """Directories that should be watched and are not."""
        self.above = -1
        """The watch of the directory that holds the root; -1 if it may not be watched."""

    # -- directories that are found --------------------------------------------------------------

    def walk(self, parent: Branch | None, name: str, *, again: bool = False) -> Iterator[Branch | None]:
        """Watch a directory and all below it; no parent for the root. Yields each, None where that failed.

        Where a directory is watched already, so is all below it, unless events were lost: `again` looks.
        """
        todo = [(parent, name)]
        while todo:
            branch, names = self._cover(*todo.pop(), again=again)
            if branch:
                todo += [(branch, name) for name in names]
            yield branch

    def _cover(self, parent: Branch | None, name: str, *, again: bool) -> tuple[Branch | None, list[str]]:
        """Watch one directory and return it, with the names of those in it that are to be watched."""
        path = self.path(parent, name)
        fd = None if path is None else self._open(path)  # None: its parent is gone, or was moved out
        if path is None or fd is None:
            return None, []
        try:
            if os.fstat(fd).st_ino in self._selection.spared:
                return None, []
            branch, known = self._place(parent, name, self._ask(fd, path), path)
            return branch, [] if known and not again else self._directories(fd, path)
        except OSError:
            return None, []
        finally:
            os.close(fd)

    def _open(self, path: str) -> int | None:
        """Open a directory; None where it is gone, elsewhere or not ours to read, or for want of room."""
        if len(self._ground.path) + len(path) >= _LONGEST:
            self.unwatched += 1
            return None
        try:
            return self._ground.directory(path)
        except LeftAlone:
            return None
        except OSError as error:
            self.unwatched += error.errno in _NO_ROOM
            return None

    def path(self, parent: Branch | None, name: str) -> str | None:
        """Return the path of a name in a directory; None if the directory has no place in the tree."""
        if parent is None:
            return name
        above = self.branches.path(parent)
        return f"{above}/{name}" if above else above if above is None else name

    def _ask(self, fd: int, path: str) -> int:
        """Have the kernel watch a directory. Returns the number of the watch, -1 where there is no room.

        Raises OSError where it may not be watched.
        """
        awaited = path in self._awaited
        mask = (_READERS if awaited else _EVENTS) | _ADD | (0 if path else _OF_ROOT)
        try:
            wd = self._add(fd, mask, awaited=awaited)
        except OSError as error:
            if error.errno in _NOT_OURS:
                raise
            self.unwatched += 1
            return -1
        if wd < 0:  # this is how watchdog says EACCES
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return wd

    def _add(self, fd: int, mask: int, *, awaited: bool) -> int:
        return self._reader.add_callback(
            b"/proc/self/fd/%d" % fd, Mask(mask), self._intake, self._callback(awaited=awaited)
        )

    def _callback(self, *, awaited: bool) -> CallbackId:
        """Return the name of our callback at a watch: two of them, so that one can follow on the other."""
        return CallbackId(2 * self._number + awaited)

    def _place(self, parent: Branch | None, name: str, wd: int, path: str) -> tuple[Branch, bool]:
        """Note where a directory is; also whether that was known."""
        awaited = path in self._awaited
        branch = self.branches.get(wd)
        if branch is None:
            branch = Branch(parent, name, wd, awaited=awaited)
            self.branches.add(branch)
            return branch, False
        if branch.awaited != awaited:
            self._reader.remove_callbacks([(WatchDescriptor(wd), self._callback(awaited=branch.awaited))])
            branch.awaited = awaited
        if parent is None or branch is self.branches.root:
            return branch, True
        if branch.parent is parent and branch.name == name:
            return branch, True
        self.branches.attach(branch, parent, name)  # it was moved, and the event is still to come
        self.branches.jumbled = True
        return branch, False

    def _directories(self, fd: int, path: str) -> list[str]:
        with os.scandir(fd) as entries:
            return [
                entry.name
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and self._selection.enters(path, entry.name)
            ]

    def enters(self, path: str, name: str) -> bool:
        """Whether a directory of that name is to be watched."""
        return self._selection.enters(path, name)

    # -- directories that are gone ---------------------------------------------------------------

    def drop(self, top: Branch) -> None:
        """Watch a directory and all below it no longer."""
        branches = list(top.below())
        self._reader.remove_callbacks(
            [(WatchDescriptor(branch.wd), self._callback(awaited=branch.awaited)) for branch in branches]
        )
        for branch in branches:
            self.branches.remove(branch)

    # -- the directory above ---------------------------------------------------------------------

    def watch_above(self) -> None:
        """Have the kernel tell what is removed from the directory that holds the root, or moved out of it."""
        try:
            fd = os.open("..", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._ground.fd)
        except OSError:
            return  # not ours to read: then the rename of the root is told, its removal is not
        try:
            self.above = self._add(fd, _ABOVE | _ADD, awaited=False)
        except OSError:
            return
        finally:
            os.close(fd)

    def rooted(self) -> bool:
        """Whether the root is still where it was opened."""
        try:
            status = os.stat(self._ground.path, follow_symlinks=False)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == (self._ground.device, self._ground.inode)

    # -- readers ---------------------------------------------------------------------------------

    def await_readers(self, directories: set[str]) -> None:
        """Have readers watched in exactly these directories."""
        before, self._awaited = self._awaited, directories
        for path in before ^ directories:
            branch = self.branches.find(path)
            if branch and branch.wd >= 0 and branch.awaited != (path in directories):
                self._change(branch, path)

    def _change(self, branch: Branch, path: str) -> None:
        """Watch readers in a directory, or no longer; a move meanwhile leaves it as it was."""
        awaited = not branch.awaited
        mask = (_READERS if awaited else _EVENTS) | (0 if path else _OF_ROOT)
        try:
            fd = self._ground.directory(path)
        except (OSError, LeftAlone):
            return
        try:
            wd = self._add(fd, mask, awaited=awaited)
        except OSError:
            return
        finally:
            os.close(fd)
        if wd != branch.wd:
            self._reader.remove_callbacks([(WatchDescriptor(wd), self._callback(awaited=awaited))])
            return
        self._reader.remove_callbacks([(WatchDescriptor(wd), self._callback(awaited=branch.awaited))])
        branch.awaited = awaited
