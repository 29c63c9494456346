"""Converting one item without losing a write: the protocol, step by step.

The steps of one item, in order. Between `copy` and `commit` the caller makes the copy durable, which
many items can share; `settle` and `retire` each want a moment to have passed since the step before::

    begin    open the item, check that it is one, take the write lease: nobody else has it open
    copy     write the other version into an unnamed file, with all metadata
             (the caller: the copy reaches the medium)
    commit   unchanged still? name the copy, exchange the names, check what came out
    settle   nobody writes to the old version? then let those in who wait for the new one
    retire   still nobody? then delete the old version

Three races decide the order.

*An application opens the item while we work.* The lease stops it inside open(2). Until `commit` we
give way at once in the background, and the copy is thrown away.

*A writer that looked the path up before the exchange arrives at the old version after it.* The lease
on the old version is kept through the exchange and until the old version is deleted, so that this
writer is seen, stopped, and given the item back: the names are exchanged again before it is let in.
Meanwhile the new version is leased too, so that nobody can have written to it.

*An editor saves by renaming a new file over the item.* The exchange then brings out a file that we
did not read. It is put back.

Whatever instant the process is killed at, the item's name leads to one whole version with all its
metadata. A leftover second name is dealt with by `cscd.files.leftover`.
"""

import contextlib
import os
import stat
import time
from collections.abc import Callable
from typing import Final, NoReturn

from cscd.errors import AgeError, NoMatchError
from cscd.files import kernel
from cscd.files.direction import direction
from cscd.files.failure import consequence
from cscd.files.goal import Goal
from cscd.files.lease import Lease, LeaseWatch
from cscd.files.metadata import Metadata
from cscd.files.outcome import LeftAlone, Outcome, Reason, Result, Seen
from cscd.files.rewrite import SEGMENT, Rewrite, Rewriter
from cscd.files.room import check_room
from cscd.files.swap import Pair
from cscd.files.temporary import create
from cscd.files.version import found_right, made_right, version

#: O_NOFOLLOW: a symbolic link swapped in leads nowhere. O_NONBLOCK: a FIFO or a lease of somebody
#: else's cannot stop us. O_NOATIME: looking at an item leaves no trace, and only its owner may ask so.
OPEN_ITEM: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOATIME | os.O_NOCTTY
#: Seconds for which a writer may dawdle between looking the path up and asking for the file, before
#: `settle` and before `retire`. The kernel needs microseconds; the second covers a preempted process.
SETTLE_AFTER: Final = 0.001
RETIRE_AFTER: Final = 0.010


class Item:
    """One item on its way through the protocol; owns its two descriptors until `close`."""

    __slots__ = (
        "_background",
        "_directory",
        "_key_id_then",
        "_metadata",
        "_new_inode",
        "_new_lease",
        "_new_size",
        "_newborn",
        "_old_lease",
        "_pair",
        "_retired",
        "_status",
        "_watch",
        "committed_at",
        "inode",
        "key_id",
        "name",
        "new",
        "old",
        "other_key",
        "outcome",
        "seen",
        "size",
    )

    def __init__(self, directory: int, name: str, watch: LeaseWatch) -> None:
        """Name an item; `directory` is an open descriptor that stays open as long as the item."""
        self._directory = directory
        self.name = name
        self._watch = watch
        self.old = -1
        self.new = -1
        self.size = 0
        """Bytes of the version that is there."""
        self.outcome = Outcome.RIGHT
        self.seen: Seen | None = None
        """The version known to be right, unless it is too young to be told from a later one."""
        self.other_key = False
        """It is right, and encrypted for other recipients than those asked for."""
        self.key_id = self._key_id_then = ""
        """Names the key that it is encrypted to, "" if to none; and then the same for the other version."""
        self.inode = 0
        """Inode number of the version that was there, 0 if it was never opened."""
        self.committed_at = 0.0
        """Monotonic time of the exchange."""
        self._old_lease: Lease | None = None
        self._new_lease: Lease | None = None
        self._pair: Pair | None = None
        self._retired = False
        self._newborn = ""
        """The name of the new version while it is written, where the filesystem has no unnamed files."""

    # -- begin ---------------------------------------------------------------------------------

    def begin(self, goal: Goal, device: int) -> Callable[[], Rewrite] | None:
        """Open the item and find out whether it has to be converted.

        Returns what makes the rewrite, None if the item is right already.

        Raises `LeftAlone` and `Gone`.
        """
        try:
            self._open(device)
            conflict = self._take_lease(goal)
            make = self._look(goal)
            if make is None:
                if conflict:
                    self.seen = None  # whoever has it mapped may write without the change time moving
                return None
            if conflict:
                raise conflict
            self._refuse_what_cannot_be_replaced()
        except OSError as error:
            raise consequence(error) from None
        return make

    def _open(self, device: int) -> None:
        try:
            self.old = os.open(self.name, OPEN_ITEM, dir_fd=self._directory)
        except PermissionError:
            self._explain_refusal()
            raise
        self._status = status = os.fstat(self.old)
        self.size = status.st_size
        self.inode = status.st_ino
        if not stat.S_ISREG(status.st_mode):
            raise LeftAlone(Reason.NOT_REGULAR)
        if status.st_uid != os.geteuid():
            raise LeftAlone(Reason.NOT_OWN)
        if status.st_dev != device:
            raise LeftAlone(Reason.OTHER_FILESYSTEM)
        if not status.st_size:
            raise LeftAlone(Reason.EMPTY)

    def _explain_refusal(self) -> None:
        """Say why open(2) was refused: another user's file is the usual reason."""
        status = os.stat(self.name, dir_fd=self._directory, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            raise LeftAlone(Reason.NOT_REGULAR)
        if status.st_uid != os.geteuid():
            raise LeftAlone(Reason.NOT_OWN)

    def _take_lease(self, goal: Goal) -> LeftAlone | None:
        """Take the lease, or return why it was not granted: an item that is right needs none."""
        try:
            self._old_lease = self._watch.take(
                self.old, required=goal.leases_required, yields=goal.background
            )
        except LeftAlone as conflict:
            return conflict
        self._background = goal.background
        return None

    def _look(self, goal: Goal) -> Callable[[], Rewrite] | None:
        way = direction(goal, self.old, self._status)
        self.outcome, self.other_key = way.outcome, way.other_key
        self.key_id, self._key_id_then = way.key_id, way.key_id_then
        if way.make and self.key_id and not goal.identities:
            raise LeftAlone(Reason.KEY_LOCKED)
        if not way.make and not way.other_key:  # what needs attention is looked at again each time
            self.seen = found_right(self._status)
        return way.make

    def _refuse_what_cannot_be_replaced(self) -> None:
        if self._status.st_nlink != 1:
            raise LeftAlone(Reason.HARD_LINKED)
        self._metadata = Metadata.of(self.old, self._status)
        if self._metadata.flags & (kernel.FLAG_IMMUTABLE | kernel.FLAG_APPEND):
            raise LeftAlone(Reason.IMMUTABLE)

    # -- copy ----------------------------------------------------------------------------------

    def copy(
        self,
        make: Callable[[], Rewrite],
        rewriter: Rewriter,
        *,
        check: Callable[[], None],
        count: Callable[[int], None],
    ) -> None:
        """Write the other version with its metadata; not yet durable.

        Raises `LeftAlone`, and what `check` raises between two segments.
        """
        large = False

        def check_all() -> None:
            check()
            if large:
                check_room(self.old, SEGMENT)  # others fill the filesystem at the same time
            if self._old_lease and self._watch.must_stop(self._old_lease):
                raise LeftAlone(Reason.OPENED_MEANWHILE)

        try:
            rewrite = make()
            large = rewrite.segments > 1
            check_room(self.old, rewrite.new_size)
            self._newborn, self.new = create(self._directory, self._status.st_mode)
            fresh = os.fstat(self.new)
            self._new_inode, self._new_size = fresh.st_ino, rewrite.new_size
            self._metadata.give_flags(self.new)
            rewriter.run(rewrite, self.old, self.new, check=check_all, count=count)
            self._metadata.give(self.new, fresh)
        except NoMatchError:
            raise LeftAlone(Reason.NO_IDENTITY) from None
        except AgeError as error:
            raise LeftAlone(Reason.DAMAGED, detail=str(error)) from None
        except OSError as error:
            raise consequence(error) from None

    # -- commit, settle, retire ------------------------------------------------------------------

    def commit(self) -> None:
        """Exchange the versions under the item's name. The copy is durable by now.

        Raises `LeftAlone` and `Gone`, with the item as it was.
        """
        try:
            self._commit()
        except OSError as error:
            raise consequence(error) from None

    def _commit(self) -> None:
        lease = self._old_lease
        if lease and not self._watch.keep(lease):
            raise LeftAlone(Reason.OPENED_MEANWHILE)
        if lease and (self._background or lease.blind) and not lease.whole:
            raise LeftAlone(Reason.OPENED_MEANWHILE)
        status = os.fstat(self.old)
        if version(status) != version(self._status):
            raise LeftAlone(Reason.CHANGED_MEANWHILE)
        self._reopen_to_read()
        self._new_lease = Lease(self.new, required=lease is not None and lease.held)
        self._pair = Pair.of(self._directory, self.name, self._status, self._new_inode)
        self._pair.link(self.new, self._newborn)
        self._newborn = ""
        # Asked right before the exchange, and right after it while hardly anybody can have met the new
        # version: two writers, one at each version, are two versions to keep.
        if not self._no_writer_on_old():
            raise LeftAlone(Reason.OPENED_MEANWHILE)
        came_out = self._pair.exchange()
        self.committed_at = time.monotonic()
        if came_out.st_ino != status.st_ino:
            self._give_back(Reason.CHANGED_MEANWHILE)
        if not self._no_writer_on_old():
            self._give_back(Reason.OPENED_MEANWHILE)
        self._status = came_out
        if not self._metadata.still_of(self.old, self._status):
            self._give_back(Reason.CHANGED_MEANWHILE)

    def _reopen_to_read(self) -> None:
        """Hold the new version by a read-only descriptor, or we would be the writer that we look for.

        And execve(2) refuses a program that is open for writing.
        """
        reading = os.open(f"/proc/self/fd/{self.new}", os.O_RDONLY | os.O_CLOEXEC)
        _close(self.new)
        self.new = reading

    def settle(self) -> None:
        """Let those in who wait for the new version, once no writer came upon the old one.

        As long as nobody does, the lease on it stays: so long the old one can still be given back.

        Raises `LeftAlone`, with the item as it was.
        """
        try:
            if not self._no_writer_on_old():
                self._give_back(Reason.OPENED_MEANWHILE)
            if version(os.fstat(self.old)) != version(self._status):
                self._give_back(Reason.CHANGED_MEANWHILE)  # linked, or its mode set: no lease stops those
        except OSError as error:
            raise consequence(error) from None
        if self._new_lease:
            self._watch.add(self._new_lease, yields=True)

    def retire(self) -> None:
        """Delete the old version, if it is still as it was; else give it back its name.

        Raises `LeftAlone`: with the item as it was, or with KEPT_BOTH.
        """
        try:
            # First who is there, then what they did: without leases somebody may write and leave between.
            if self._no_writer_on_old() and version(os.fstat(self.old)) == version(self._status):
                self._the_pair.delete_old()
                self._retired = True
                self.key_id = self._key_id_then
                self.seen = made_right(os.fstat(self.new), self._metadata.mtime_ns)
                return
            if self._new_lease and self._watch.keep(self._new_lease) and self._new_lease.whole:
                self._give_back(Reason.CHANGED_MEANWHILE)
            self._let_go_of_new()
            self._the_pair.give_back_late(self.old)
        except OSError as error:
            raise consequence(error) from None
        raise LeftAlone(Reason.CHANGED_MEANWHILE)

    def _no_writer_on_old(self) -> bool:
        lease = self._old_lease
        return lease is None or lease.nobody_came() or lease.no_writer_came()

    @property
    def _the_pair(self) -> Pair:
        assert self._pair, "not committed"  # noqa: S101 - the caller's mistake, not an item's
        return self._pair

    def _let_go_of_new(self) -> None:
        if self.new >= 0:
            _close(self.new)
        self.new = -1
        self._new_lease = None

    def _give_back(self, reason: Reason) -> NoReturn:
        """Undo the exchange while the new version is still leased, and say why."""
        pair = self._the_pair
        both = LeftAlone(Reason.KEPT_BOTH, detail=f"the other version is {pair.second}")
        if not self._new_as_written():
            raise both  # we were stopped for so long that the kernel took the lease away, or it got a link
        superseded = pair.put_back()
        if superseded == pair.new_inode:
            self._metadata.carry_over(self.new, self.old)
            lease = self._new_lease
            if lease and not lease.nobody_came() and not lease.no_writer_came():
                raise both  # somebody is about to write to the new version: that must not be lost either
        elif os.fstat(self.new).st_nlink:
            raise both  # the new version was not replaced but moved, and what we gave back has no name left
        pair.delete_second(superseded)
        raise LeftAlone(reason)

    def _new_as_written(self) -> bool:
        """Whether nobody has written to the new version or given it another name."""
        status = os.fstat(self.new)
        same = status.st_mtime_ns == self._metadata.mtime_ns and status.st_size == self._new_size
        return same and status.st_nlink <= 1

    # -- the end -------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of everything. What has not been committed is gone without a trace."""
        if self._newborn:
            with contextlib.suppress(OSError):
                os.unlink(self._newborn, dir_fd=self._directory)
        if self._pair and not self.committed_at:
            self._pair.discard()
        for lease in (self._old_lease, self._new_lease):
            if lease:
                self._watch.keep(lease)
        # The leases go with the descriptors. The last one of a file without a name takes the kernel its
        # time (40 ms for 1 GiB), so first the one of the file that somebody may be waiting for.
        for fd in (self.new, self.old) if self._retired else (self.old, self.new):
            if fd >= 0:
                _close(fd)
        self.old = self.new = -1
        self._old_lease = self._new_lease = None

    def result(self) -> Result:
        """Return the result of an item that came through."""
        return Result(
            self.outcome, size=self.size, seen=self.seen, other_key=self.other_key, key_id=self.key_id
        )


def _close(fd: int) -> None:
    """Close a descriptor. It is closed even if that fails (close(2)); what we wrote was synced before."""
    try:
        os.close(fd)
    except OSError:
        return
