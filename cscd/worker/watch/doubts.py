"""Events that do not say enough: the file itself is asked, once, a moment later.

A conversion of ours looks, to inotify(7), like this (`item` is encrypted or unencrypted)::

    CLOSE_WRITE                #2532870                   the new version, which has no name (O_TMPFILE)
    CREATE                     .cscd-<old>-<new>-…        it gets the second name
    MOVED_FROM, MOVED_TO       item -> .cscd-…            the exchange: the old version
    MOVED_FROM, MOVED_TO       .cscd-… -> item            and the new one

or, where there are no files without a name, with CREATE, MOVED and CLOSE_WRITE of `.cscd-new-…` at first.
Whoever may be us is told by the numbers of the inodes that the second name speaks of; a user's file that
merely has such a name is told of like any other.

The other doubt is a file that was created. Mostly it was opened, is being written, and will be closed: then
it is early. But a link (link(2), or a file without a name that got one) is complete, and nothing more comes.
A link changes the time of the inode and not that of the content, so the two differ; where the clock
was too coarse for that, the close of a file without a name, `#<inode>`, tells.
"""

import os
import re
import stat
from collections.abc import Iterator
from typing import Final

from cscd.files.outcome import LeftAlone
from cscd.files.temporary import PREFIX, SecondName, is_second
from cscd.worker.watch.ground import Ground
from cscd.worker.watch.noticed import Place

#: Files kept that were created and not yet closed; beyond, the oldest is told of, early as it may be.
_MOST_YOUNG: Final = 4096
_UNNAMED: Final = re.compile(r"#([0-9]+)")

Doubt = SecondName | None
"""What a name says that may be ours; None for a file that was created."""


class Doubts:
    """The files of one root that are to be asked."""

    def __init__(self, ground: Ground) -> None:
        """Have no doubts."""
        self._ground = ground
        self._doubts: dict[Place, Doubt] = {}
        self._young: dict[int, Place] = {}
        """Files created and not yet closed, by inode number."""
        self._young_at: dict[Place, int] = {}
        """The same by place."""
        self._complete: set[int] = set()
        """Inode numbers of files that were opened without a name, and closed after writing."""

    def __bool__(self) -> bool:
        return bool(self._doubts)

    def __len__(self) -> int:
        return len(self._doubts)

    def created(self, place: Place) -> None:
        """Doubt whether a file that was created is complete."""
        self._doubts.setdefault(place, None)

    def moved(self, place: Place, says: SecondName) -> None:
        """Doubt who gave a file its name that had a second name before."""
        self._doubts[place] = says

    def closed(self, place: Place) -> bool:
        """Whether there is doubt of a file that was closed after writing: its name may be ours, or none."""
        name = place[1]
        unnamed = _UNNAMED.fullmatch(name) if name.startswith("#") else None
        if unnamed:
            inode = int(unnamed[1])
            self._complete.add(inode)
            young = self._grown(inode)
            if young:
                self._doubts.setdefault(young, None)
        if unnamed or name.startswith(PREFIX):
            self._doubts.setdefault(place, None)
            return True
        self._doubts.pop(place, None)
        self._grown(self._young_at.get(place, 0))
        return False

    def _grown(self, inode: int) -> Place | None:
        """Wait no longer for the close of a file; returns where it is, if it was waited for."""
        place = self._young.pop(inode, None)
        if place:
            del self._young_at[place]
        return place

    def _wait(self, place: Place, inode: int) -> Iterator[Place]:
        """Wait for the close of a file; yields one for whose close nobody waits any more."""
        self._grown(inode)
        self._grown(self._young_at.get(place, 0))
        self._young[inode] = place
        self._young_at[place] = inode
        if len(self._young) > _MOST_YOUNG:
            oldest = self._grown(next(iter(self._young)))
            if oldest:
                yield oldest

    def settle(self) -> Iterator[Place]:
        """Ask all of them, and yield those that are to be told of."""
        doubts, self._doubts = self._doubts, {}
        by_directory: dict[str, list[tuple[str, Doubt]]] = {}
        for (directory, name), says in doubts.items():
            by_directory.setdefault(directory, []).append((name, says))
        for directory, names in by_directory.items():
            yield from self._ask(directory, names)
        self._complete.clear()

    def _ask(self, directory: str, names: list[tuple[str, Doubt]]) -> Iterator[Place]:
        try:
            fd = self._ground.directory(directory)
        except (OSError, LeftAlone):
            return
        try:
            for name, says in names:
                try:
                    status = os.stat(name, dir_fd=fd, follow_symlinks=False)
                except OSError:
                    continue
                if stat.S_ISREG(status.st_mode):
                    yield from self._judge((directory, name), status, says)
        finally:
            os.close(fd)

    def _judge(self, place: Place, status: os.stat_result, says: Doubt) -> Iterator[Place]:
        """Yield what is to be told of, with one regular file known."""
        if place[1].startswith(PREFIX) and is_second(place[1], status):
            return
        if says:
            if status.st_ino not in (says.old_inode, says.new_inode):
                yield place
        elif status.st_nlink > 1 or status.st_ctime_ns != status.st_mtime_ns:
            yield place
        elif status.st_ino in self._complete or place[1].startswith(PREFIX) or _UNNAMED.fullmatch(place[1]):
            yield place  # closed by now, or so rare a name that being early does not matter
        else:
            yield from self._wait(place, status.st_ino)
