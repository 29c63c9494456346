"""One root in the resident's care: whether it is there, what is to be looked at, what is not right."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Final

from cscd.events.event import Event
from cscd.events.items import IndexRebuilt, LeftoversRemoved
from cscd.events.sessions import RootAwaited, RootFound
from cscd.events.workers import WatchDegraded, WatchRestored
from cscd.files.tree import Tree
from cscd.worker.keeping.backlog import Backlog
from cscd.worker.keeping.reports import Finished
from cscd.worker.keeping.roots import Root
from cscd.worker.keeping.standing import Standing
from cscd.worker.passes.pending import Backoff
from cscd.worker.passes.places import WHOLE, Places

#: Seconds until a pass is tried again that could not be done, and between two rechecks for the watch; each
#: wait is twice as long as the one before.
_FAILED: Final = Backoff(1.0, 60.0, 0.2)
_DEGRADED: Final = Backoff(60.0, 3600.0, 0.0)
#: Seconds in which a watch that lost events is whole again, if it can be.
_RECOVERY: Final = 0.5
#: Seconds without trouble after which trouble is taken for new.
_FORGIVEN: Final = 600.0


@dataclass(slots=True)
class _Trouble:
    """Something that repeats, and is answered less and less often."""

    backoff: Backoff
    wait: float = 0.0
    free_at: float = -inf
    """Monotonic time from which on it may be answered again."""

    def answer_at(self, now: float) -> float:
        """Return when to answer: at once the first time."""
        if now - self.free_at > _FORGIVEN:
            self.wait = 0.0
        at = max(now, self.free_at)
        self.wait = min(2 * self.wait or self.backoff.first, self.backoff.longest)
        self.free_at = at + self.wait
        return at

    def again_at(self, now: float) -> float:
        """Return when to try again what has failed just now."""
        self.wait = min(2 * self.wait or self.backoff.first, self.backoff.longest)
        return now + self.backoff.spread(self.wait)


class Charge:
    """One root, with all that is known of it between passes."""

    def __init__(self, path: str, backoff: Backoff, tell: Callable[[Event], None]) -> None:
        """Take charge of a root, which may not be there yet."""
        self._tell = tell
        self.root = Root(path)
        self.backlog = Backlog()
        self.standing = Standing(path, backoff, tell)
        self.hold_until = -inf
        """Monotonic time before which no pass over it is asked for: the last one could not be done."""
        self.recheck_at = inf
        """Monotonic time at which a recheck is to be asked for, because the watch may have missed items."""
        self.watch_settled = False
        """Whether the watch has said how far it can see."""
        self._blind = True
        """Whether the watch does not see all of it, or not yet."""
        self._walked_blind = False
        """Whether something may have come unseen since the last walk over the root began."""
        self._rewalk_at = inf
        """Monotonic time at which to look for the items to be tried again that are too many to be known."""
        self._failed = _Trouble(_FAILED)
        self._degraded = _Trouble(_DEGRADED)

    # -- whether it is there -------------------------------------------------------------------

    def look(self) -> Tree | None:
        """Look for the root, and tell what is new; the caller closes the tree."""
        waited, since = self.root.told, self.root.since
        tree = self.root.open()
        if tree is None:
            self._await()
        elif waited:
            self.root.told = False
            self._tell(RootFound(path=self.root.path, seconds=time.monotonic() - since))
        return tree

    def lose(self) -> None:
        """Note that the directory that was the root is not there any more; another one may be, soon."""
        self.root.lose("missing")
        tree = self.root.open()
        if tree:
            tree.close()
            self.root.lose("missing")
        self._await()

    def _await(self) -> None:
        self.backlog.clear()  # it gets a pass over everything when it is there
        if not self.root.told:
            self.root.told = True
            self._tell(RootAwaited(path=self.root.path, reason=self.root.reason))

    # -- whether new items are seen ------------------------------------------------------------

    def degraded(self, reason: str, unwatched: int) -> None:
        """Note that items may have been missed."""
        now = time.monotonic()
        if self.root.there:
            self.root.state, self.root.reason = "unwatched", reason
        self.watch_settled = self._blind = True
        if self.recheck_at == inf:
            # Often the watch sees everything again at once, and nothing is looked at twice.
            self.recheck_at = self._degraded.answer_at(now) + _RECOVERY
        self._tell(
            WatchDegraded(
                reason=reason,
                path=self.root.path,
                unwatched=unwatched,
                recheck_seconds=max(0.0, self.recheck_at - now),
            )
        )

    def watched(self, directories: int) -> None:
        """Note that all of the root is watched."""
        if self.root.there:
            if self.root.reason:
                self._tell(WatchRestored(path=self.root.path, directories=directories))
            self.root.state, self.root.reason = "watched", ""
        self.watch_settled = True
        self._blind = False
        if self._walked_blind:
            self._walked_blind = False
            self.backlog.add(WHOLE)  # what came into a directory after its listing and before its watch

    def watch_anew(self) -> None:
        """Note that another watch has begun, and has not said yet how far it can see."""
        self.watch_settled = False
        self._walked_blind = self._walked_blind or not self._blind
        self._blind = True

    # -- passes --------------------------------------------------------------------------------

    def begin(self, *, everything: bool) -> Places:
        """Return what the pass that begins has to look at."""
        given = self.backlog.take()
        self.standing.begin()
        if not everything:
            return given
        self._walked_blind = self._blind
        self.recheck_at = inf
        return WHOLE

    def finish(self, finished: Finished, back: Places, *, whole: bool) -> None:
        """Note what came of a pass; `back` is what comes back of what it was given."""
        self.backlog.add(back)
        if whole and finished.tally.complete:
            self.standing.finish(finished.tally)
            waits = self.standing.uncounted
            self._rewalk_at = time.monotonic() + self.standing.pending.backoff.longest if waits else inf
        if finished.index_lost:
            self._tell(IndexRebuilt(path=self.root.path, reason=finished.index_lost))
        if finished.tally.cleaned:
            self._tell(LeftoversRemoved(path=self.root.path, count=finished.tally.cleaned))
        if finished.error:
            self.hold_until = self._failed.again_at(time.monotonic())
        else:
            self._failed.wait = 0.0

    def take_due(self, now: float) -> int:
        """Have the items looked at whose next try is due, and return how many those are."""
        due = self.standing.pending.take_due(now)
        self.backlog.add(Places(tuple(place for place, _ in due)))
        if self._rewalk_at <= now:
            self._rewalk_at = inf
            self.backlog.add(WHOLE)
            return len(due) + 1
        return len(due)

    def wants(self, now: float) -> bool:
        """Whether there is something to look at, and no reason to wait."""
        return self.root.there and len(self.backlog) > 0 and now >= self.hold_until

    def due(self, now: float) -> Iterator[float]:
        """Yield the monotonic times at which something is to be done."""
        yield self.recheck_at
        if not self.root.there:
            yield self.root.due
            return
        yield self._rewalk_at
        if len(self.backlog) and self.hold_until > now:
            yield self.hold_until
        next_try = self.standing.pending.next_due()
        if next_try is not None:
            yield next_try
