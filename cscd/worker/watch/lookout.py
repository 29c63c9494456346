"""The watcher's process: takes in events, has what appears watched, and tells the resident.

Two threads: watchdog's, which only reads, and ours, which does everything else. Ours sleeps without a time
limit while nothing happens. When something does, it lets ten milliseconds of events come together, and
it tells at most twenty times a second; what the resident does not take in time waits in `Hints`, where
it stays small.

After a walk over a root, and now and then while there are events, what we think is watched is compared with
the kernel's own list. When events were lost, or watches, the watch is begun again from nothing, because
whatever is known of what is where may be wrong. That takes a walk over all directories, so the pause before
doubles while it happens again and again; until then the old watch goes on.
"""

import contextlib
import errno
import pickle
import select
import socket
import time
from collections.abc import Sequence
from typing import Final

from cscd.files.tree import Tree
from cscd.worker.passes.selection import Selection
from cscd.worker.watch.hints import Hints
from cscd.worker.watch.intake import Intake, Reader, Wake
from cscd.worker.watch.noticed import Degraded, Doubt, Place
from cscd.worker.watch.rootwatch import RootWatch

#: Bytes of a message in either direction; see `Hints` for what keeps those to the resident shorter.
LONGEST: Final = 160 << 10
#: Seconds from the first event until all are taken in that have come by then.
_GATHER: Final = 0.010
#: Seconds between two times of telling.
_TELL_EVERY: Final = 0.050
#: Seconds of watching new directories between two looks at the events.
_SLICE: Final = 0.020
#: Seconds until a lost watch is begun again, and at most when it is lost again and again.
_RENEW_AFTER: Final = 0.2
_RENEW_AFTER_MOST: Final = 60.0
#: The same where there was no room for watches: somebody else has to make some.
_ROOM_AFTER: Final = 60.0
_ROOM_AFTER_MOST: Final = 3600.0
#: Seconds between two looks at the kernel's list of watches; while nothing happens there is none.
_AUDIT_EVERY: Final = 60.0
#: Seconds until a watch is lost that the kernel does not have: within them comes the event of its end.
_AUDIT_AGAIN: Final = 1.0


class Lookout:
    """The loop of the process."""

    def __init__(self, trees: Sequence[Tree], selection: Selection, resident: socket.socket) -> None:
        """Prepare to watch; `resident` is the connection to it."""
        self._trees = trees
        self._selection = selection
        self._resident = resident
        self._resident.setblocking(False)  # noqa: FBT003 - the method's own
        self._wake = Wake()
        self._hints = [Hints(number) for number in range(len(trees))]
        self._awaited: set[tuple[int, str, str]] = set()
        self._reader: Reader | None = None
        self._intakes: list[Intake] = []
        self._roots: list[RootWatch] = []
        self._blocked = False
        """Whether the resident has yet to take what was told before."""
        self._hear_at: float | None = None
        self._tell_at = 0.0
        self._renew_at: float | None = None
        self._renew_after = 0.0
        self._renewed_at = 0.0
        self._working = False
        self._audited_at = 0.0
        self._audit_at: float | None = None
        self._missing: set[int] = set()
        """Watches that the kernel did not have at the last look."""

    def run(self) -> None:
        """Watch until the resident has gone."""
        poll = select.poll()
        poll.register(self._wake.fd, select.POLLIN)
        self._begin()
        while True:
            poll.register(self._resident, select.POLLIN | (select.POLLOUT if self._blocked else 0))
            ready = dict(poll.poll(self._patience()))
            if self._wake.fd in ready:
                self._wake.heard()
                self._hear_at = self._hear_at or time.monotonic() + _GATHER
            if ready.get(self._resident.fileno(), 0) & ~select.POLLOUT and not self._obey():
                return
            if ready.get(self._resident.fileno(), 0) & select.POLLOUT:
                self._blocked = False
            self._turn(time.monotonic())

    def _patience(self) -> int | None:
        """Return for how many milliseconds there is nothing to do; None for ever."""
        if self._working:
            return 0
        times = [self._hear_at, self._renew_at, self._audit_at, self._tell_at if self._news else None]
        due = [at for at in times if at is not None]
        return max(0, int((min(due) - time.monotonic()) * 1000) + 1) if due else None

    @property
    def _news(self) -> bool:
        return any(root.doubtful for root in self._roots) or (not self._blocked and any(self._hints))

    def _turn(self, now: float) -> None:
        """Do what is due."""
        if self._hear_at is not None and now >= self._hear_at:
            self._hear_at = None
            self._hear()
        if self._working:
            self._work(now + _SLICE)
        if self._renew_at is not None and now >= self._renew_at:
            self._renew()
        if self._audit_at is not None and now >= self._audit_at:
            self._audit(now)
        if now >= self._tell_at and self._news:
            self._tell_at = now + _TELL_EVERY
            for root in self._roots:
                root.settle()
            self._working = True  # it may have found that a walk is due
            self._tell()

    def _work(self, until: float) -> None:
        self._working = bool([root for root in self._roots if root.work(until)])
        if self._working:
            return
        if any(root.unwatched for root in self._roots):
            self._plan(room=True)
        if until - self._audited_at > _AUDIT_EVERY:
            self._audit(until)

    def _audit(self, now: float) -> None:
        """Compare what we think is watched with the kernel's list."""
        self._audited_at, self._audit_at = now, None
        if self._reader is None or self._renew_at is not None:
            return
        with contextlib.suppress(OSError):  # without /proc there is no list
            there = self._reader.watched()
            missing = {wd for root in self._roots for wd in root.watches} - there
            if missing & self._missing:
                self._degrade("died")
            elif missing:
                self._audit_at = now + _AUDIT_AGAIN
            self._missing = missing

    # -- the watch -----------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Begin to watch all roots."""
        self._renewed_at = time.monotonic()
        try:
            self._reader = Reader(self._wake)
            self._reader.start()
        except (OSError, RuntimeError) as error:  # RuntimeError: no room for a thread
            reason: Doubt = "unsupported" if getattr(error, "errno", 0) == errno.ENOSYS else "limit"
            self._degrade(reason)
            return
        self._intakes = [Intake(self._wake) for _ in self._trees]
        self._roots = [
            RootWatch(number, tree, self._selection, self._reader, intake, hints)
            for number, (tree, intake, hints) in enumerate(
                zip(self._trees, self._intakes, self._hints, strict=True)
            )
            if not hints.gone
        ]
        self._await()
        self._working = True

    def _hear(self) -> None:
        self._wake.answered()
        for root in self._roots:
            root.hear()
        self._working = True  # directories may have appeared
        if self._reader and self._reader.died:
            self._degrade("died")
        elif [intake for intake in self._intakes if intake.overflowed()]:
            self._degrade("overflow")

    def _degrade(self, reason: Doubt) -> None:
        """Tell that events are missing, and plan to begin again."""
        for hints in self._hints:
            if not hints.gone:
                hints.standing(Degraded(hints.root, reason, 0))
        self._plan(room=reason in {"limit", "unsupported"})

    def _plan(self, *, room: bool) -> None:
        """Plan to begin again, later each time while it does not help."""
        if self._renew_at is not None:
            return
        first, most = (_ROOM_AFTER, _ROOM_AFTER_MOST) if room else (_RENEW_AFTER, _RENEW_AFTER_MOST)
        now = time.monotonic()
        again = now - self._renewed_at < most
        self._renew_after = min(max(first, 2 * self._renew_after), most) if again else first
        self._renew_at = now + self._renew_after

    def _renew(self) -> None:
        """Begin again from nothing."""
        self._renew_at = None
        if self._reader:
            self._reader.stop()
            with contextlib.suppress(RuntimeError):  # it never started
                self._reader.join()
        self._reader, self._roots, self._intakes = None, [], []
        self._missing = set()
        self._begin()

    # -- the resident --------------------------------------------------------------------------------

    def _tell(self) -> None:
        """Tell the resident as much as it takes."""
        for hints in self._hints:
            while hints and not self._blocked:
                noticed = hints.take()
                try:
                    self._resident.send(pickle.dumps(noticed))
                except (BlockingIOError, InterruptedError):
                    hints.put_back(noticed)
                    self._blocked = True
                except OSError:
                    return  # it has gone, and the next look at it says so

    def _obey(self) -> bool:
        """Do what the resident asks for; returns whether it is still there."""
        while True:
            try:
                data = self._resident.recv(LONGEST)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            self._awaited = pickle.loads(data)  # noqa: S301 - from the process that forked us
            self._await()

    def _await(self) -> None:
        for root in self._roots:
            files: set[Place] = {(path, name) for at, path, name in self._awaited if at == root.number}
            root.await_close(files)
