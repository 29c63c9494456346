"""File leases: knowing that nobody else has a file open, and hearing of it when somebody comes.

A write lease (fcntl(2), F_SETLEASE) is granted only while no other descriptor of the file is open
anywhere. From then on the next open(2) of it, by anyone, stops inside the kernel until we let go,
and SIGIO tells us so. `LeaseWatch` hears that signal in a thread of its own and lets go at once of
the leases that may yield, whatever the other threads are waiting for: a disk, a lock, the CPU.

SIGIO's default action ends the process. While a watch is open the signal is blocked in every thread
that the opener of the watch starts, and has a handler besides.
"""

import contextlib
import errno
import fcntl
import os
import signal
import threading
import time
from types import TracebackType
from typing import Final, Self

from cscd.files.holders import holders
from cscd.files.outcome import LeftAlone, Reason

_BREAK_TIME: Final = "/proc/sys/fs/lease-break-time"
#: fcntl(2) documents EINVAL for files without leases; filesystems also answer with the others.
_UNSUPPORTED: Final = (errno.EINVAL, errno.ENOLCK, errno.EOPNOTSUPP, errno.EACCES, errno.ENOTTY)


class Lease:
    """The lease on one open file. Not thread-safe by itself: `LeaseWatch` has the lock.

    With `required=False` a filesystem without leases is tolerated: then the lease is `blind`. Nothing
    is held and nobody is stopped; every question is answered by a look at /proc, where other users'
    processes are hidden from a caller without privileges. The callers compare before and after.
    """

    __slots__ = ("blind", "broken_at", "fd", "held", "yielded", "yields")

    def __init__(self, fd: int, *, required: bool = True) -> None:
        """Take the write lease.

        Raises `LeftAlone` with OPEN_ELSEWHERE where another descriptor of the file is open, and
        with NO_LEASES where the filesystem has none and they are required.
        """
        self.fd = fd
        self.yields = False
        self.yielded = False
        self.broken_at = 0.0
        """Monotonic time at which a break was first seen, 0 if none was."""
        self.blind = False
        """The filesystem has no leases."""
        self.held = True
        try:
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except OSError as error:
            if error.errno == errno.EAGAIN:
                raise LeftAlone(Reason.OPEN_ELSEWHERE) from None
            if required or error.errno not in _UNSUPPORTED:
                reason = Reason.NO_LEASES if error.errno in _UNSUPPORTED else Reason.IO_ERROR
                raise LeftAlone(reason, error.errno or 0) from None
            self.held = False
            self.blind = True
            if self._seen_in_proc():
                raise LeftAlone(Reason.OPEN_ELSEWHERE) from None

    @property
    def whole(self) -> bool:
        """Whether nobody has tried to open the file since the lease was taken."""
        if self.blind:
            return not self._seen_in_proc()
        return not self.yielded and (not self.held or not self.knocked())

    def knocked(self) -> bool:
        """Whether somebody waits for the file to be let go; a kernel that does not tell is taken for yes."""
        try:
            return fcntl.fcntl(self.fd, fcntl.F_GETLEASE) != fcntl.F_WRLCK
        except OSError:
            return True

    def nobody_came(self) -> bool:
        """Ask once more whether any other descriptor is open, or waiting to be; the lease stays.

        Setting the lease that we have again counts the file's other openers anew. Unlike F_GETLEASE
        this also sees one that the kernel has let past the path but not yet as far as the lease.
        """
        return self._alone(fcntl.F_WRLCK)

    def no_writer_came(self) -> bool:
        """Like `nobody_came`, but let those in who only read."""
        return self._alone(fcntl.F_RDLCK)

    def _alone(self, kind: int) -> bool:
        if self.blind:
            return not self._seen_in_proc()
        return not self.held or self._set(kind)

    def _seen_in_proc(self) -> bool:
        """Whether another process is seen to have the file open or mapped, for reading or writing."""
        status = os.fstat(self.fd)
        return bool(holders([(status.st_dev, status.st_ino)]))

    def _set(self, kind: int) -> bool:
        try:
            fcntl.fcntl(self.fd, fcntl.F_SETLEASE, kind)
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return False
            raise
        return True

    def release(self) -> None:
        """Let whoever waits go on; more than once is harmless."""
        if self.held:
            self.held = False
            # It fails where the kernel took the lease away after lease-break-time: nothing left to release.
            # Whatever else may be wrong, the lease goes with the descriptor.
            with contextlib.suppress(OSError):
                fcntl.fcntl(self.fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def lease_break_time() -> float:
    """Return the seconds after which the kernel takes a lease away that we did not give up (proc(5))."""
    try:
        with open(_BREAK_TIME, encoding="utf-8") as seconds:
            return float(seconds.read())
    except (OSError, ValueError):
        return 45.0  # the kernel's default, fs/locks.c


class LeaseWatch:
    """Hears openers knock and answers for the leases that may yield.

    `_lock` guards `_leases` and, for a lease in it, `held`, `yielded` and `broken_at`. A lease
    leaves the set before its owner takes it through the exchange: from then on the owner decides.
    """

    def __init__(self) -> None:
        """Prepare; nothing runs before the `with` block."""
        self._lock = threading.Lock()
        self._leases: set[Lease] = set()
        self._thread = threading.Thread(target=self._listen, name="leases", daemon=True)
        self._closing = False
        #: Half of what the kernel grants: past it an unyielding conversion gives up by itself.
        self.patience = lease_break_time() / 2

    def __enter__(self) -> Self:
        """Block SIGIO in this thread and its children, and listen for it in one of them."""
        self._old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGIO, _ignore)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening. SIGIO keeps its handler, so that a late one does not end the process."""
        self._closing = True
        signal.pthread_kill(self._thread.ident or 0, signal.SIGIO)
        self._thread.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, self._old_mask)

    def take(self, fd: int, *, required: bool, yields: bool) -> Lease:
        """Take the lease on an open file and watch it from the start; raises `LeftAlone` as `Lease` does."""
        with self._lock:  # whoever comes from now on is answered for after this, with the lease in the set
            lease = Lease(fd, required=required)
            lease.yields = yields
            self._leases.add(lease)
        return lease

    def add(self, lease: Lease, *, yields: bool) -> None:
        """Watch a lease; one that `yields` is given up the moment somebody else opens the file."""
        lease.yields = yields
        with self._lock:
            self._leases.add(lease)
            # Somebody may have come since the lease was taken, and the signal found it not yet here.
            self._answer(lease)
            if lease.yielded:
                self._leases.discard(lease)

    def keep(self, lease: Lease) -> bool:
        """Take a lease out of the watch, to decide about it or to close its file; False if given up."""
        with self._lock:
            self._leases.discard(lease)
            return not lease.yielded

    def must_stop(self, lease: Lease) -> bool:
        """Whether a conversion under this lease must stop now: given up, or about to be taken away."""
        if lease.yielded:
            return True
        return bool(lease.broken_at) and time.monotonic() - lease.broken_at > self.patience

    def _listen(self) -> None:
        while not self._closing:
            signal.sigwait({signal.SIGIO})
            with self._lock:
                for lease in self._leases:
                    self._answer(lease)
                self._leases -= {lease for lease in self._leases if lease.yielded}

    @staticmethod
    def _answer(lease: Lease) -> None:
        """Give up one lease if somebody waits for it and it may yield."""
        if not lease.held or not lease.knocked():
            return
        lease.broken_at = lease.broken_at or time.monotonic()
        if lease.yields:
            lease.yielded = True
            lease.release()


def _ignore(_signal: int, _frame: object) -> None:
    """Receive a SIGIO that came while no watch was open."""
