"""Watching all roots: takes in events, has what appears watched, and tells what is to be looked at.

Whoever has it waits for its descriptor and for the time at which something is due, and gives it a turn then.
Nothing is due while nothing happens. When something does, it lets ten milliseconds of events come together,
and it tells at most twenty times a second.

After a walk over a root, and now and then while there are events, what we think is watched is compared with
the kernel's own list. When events were lost, or watches, the watch is begun again from nothing, because
whatever is known of what is where may be wrong. That takes a walk over all directories, so the pause before
doubles while it happens again and again; until then the old watch goes on.
"""

import contextlib
import errno
import time
from collections.abc import Sequence
from math import inf
from typing import Final

from cscd.files.tree import Tree
from cscd.worker.passes.selection import Selection
from cscd.worker.watch.ground import Ground
from cscd.worker.watch.hints import Hints
from cscd.worker.watch.intake import Intake, Reader
from cscd.worker.watch.noticed import Degraded, Doubt, Noticed, Place
from cscd.worker.watch.rootwatch import RootWatch

#: Files awaited at most; readers of others are not heard.
_MOST_AWAITED: Final = 1024
#: Seconds from the first event until all are taken in that have come by then.
_GATHER: Final = 0.010
#: Seconds between two times of telling.
_TELL_EVERY: Final = 0.050
#: Seconds of watching new directories in one turn.
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
    """The watch of some roots."""

    def __init__(self, trees: Sequence[Tree], selection: Selection) -> None:
        """Begin to watch; the trees stay the caller's to close."""
        self._grounds = [Ground(tree) for tree in trees]
        self._selection = selection
        self._hints = [Hints(number) for number in range(len(trees))]
        self._awaited: list[tuple[int, str, str]] = []
        self._reader: Reader | None = None
        self._intakes: list[Intake] = []
        self._roots: list[RootWatch] = []
        self._hear_at = inf
        self._tell_at = -inf
        self._renew_at = inf
        self._renew_after = 0.0
        self._renewed_at = 0.0
        self._working = False
        self._audited_at = 0.0
        self._audit_at = inf
        self._missing: set[int] = set()
        """Watches that the kernel did not have at the last look."""
        self._begin()

    def fileno(self) -> int:
        """Return the descriptor to wait for; -1 while events are let come together, or there is none."""
        return self._reader.fileno() if self._reader and self._hear_at == inf else -1

    def heard(self) -> None:
        """Note that the descriptor can be read."""
        self._hear_at = time.monotonic() + _GATHER

    @property
    def due(self) -> float:
        """The monotonic time at which it is to have a turn, infinite if only an event gives it a reason."""
        if self._working:
            return -inf
        return min(self._hear_at, self._renew_at, self._audit_at, self._tell_at if self._news else inf)

    @property
    def _news(self) -> bool:
        return any(root.doubtful for root in self._roots) or any(self._hints)

    def turn(self, now: float) -> list[Noticed]:
        """Do what is due, and return what there is to tell."""
        told: list[Noticed] = []
        if now >= self._hear_at:
            self._hear_at = inf
            self._hear()
        if self._working:
            self._work(now + _SLICE)
        if now >= self._renew_at:
            self._renew()
        if now >= self._audit_at:
            self._audit(now)
        if now >= self._tell_at and self._news:
            self._tell_at = now + _TELL_EVERY
            for root in self._roots:
                root.settle()
            self._working = True  # it may have found that a walk is due
            told = [each for hints in self._hints for each in hints.take()]
        if not self._working and not self._news:
            self._release()
        return told

    def await_close(self, files: set[tuple[int, str, str]]) -> None:
        """Tell when anyone closes one of these, reading or writing: root number, directory, name.

        Replaces the set before. Whoever reads is heard, this worker as well: await nothing while a pass is at
        work on them. No more than a thousand are heard.
        """
        self._awaited = sorted(files)[:_MOST_AWAITED]
        self._await()

    def close(self) -> None:
        """Watch nothing any more."""
        if self._reader:
            self._reader.end()
        self._reader, self._roots, self._intakes = None, [], []
        self._release()

    def _release(self) -> None:
        for ground in self._grounds:
            ground.release()

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
        self._audited_at, self._audit_at = now, inf
        if self._reader is None or self._renew_at < inf:
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
            self._reader = Reader()
        except OSError as error:
            self._degrade("unsupported" if error.errno == errno.ENOSYS else "limit")
            return
        self._intakes = [Intake() for _ in self._grounds]
        self._roots = [
            RootWatch(number, ground, self._selection, self._reader, intake, hints)
            for number, (ground, intake, hints) in enumerate(
                zip(self._grounds, self._intakes, self._hints, strict=True)
            )
            if not hints.gone
        ]
        self._await()
        self._working = True

    def _hear(self) -> None:
        read = self._reader is None or self._reader.read()
        for root in self._roots:
            root.hear()
        self._working = True  # directories may have appeared
        if not read:
            self.close()
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
        if self._renew_at < inf:
            return
        first, most = (_ROOM_AFTER, _ROOM_AFTER_MOST) if room else (_RENEW_AFTER, _RENEW_AFTER_MOST)
        now = time.monotonic()
        again = now - self._renewed_at < most
        self._renew_after = min(max(first, 2 * self._renew_after), most) if again else first
        self._renew_at = now + self._renew_after

    def _renew(self) -> None:
        """Begin again from nothing."""
        self._renew_at = inf
        self.close()
        self._missing = set()
        self._begin()

    def _await(self) -> None:
        for root in self._roots:
            files: set[Place] = {(path, name) for at, path, name in self._awaited if at == root.number}
            root.await_close(files)
