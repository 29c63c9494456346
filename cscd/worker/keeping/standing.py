"""What is not right in one root at the moment: items that are tried again, and items that stay.

Kept between passes, so bounded: so many of each are known by place, the others are counted. What becomes of
an item is told as it happens.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from types import MappingProxyType
from typing import Final

from cscd.events.event import Event
from cscd.events.fields import Holder as HolderField
from cscd.events.items import (
    ItemEncrypted,
    ItemFailed,
    ItemRekeyed,
    ItemResolved,
    ItemRetryScheduled,
    ItemSkipped,
    ItemUnencrypted,
)
from cscd.files.outcome import Lasting, Outcome, Reason, Result
from cscd.worker.messages import Holder, Stuck
from cscd.worker.passes.pending import Backoff, Pending, PendingItems
from cscd.worker.passes.places import Place
from cscd.worker.passes.tally import Tally, join

#: Items that stay as they are and are known by place.
MOST_FAILED: Final = 10_000
#: Seconds after a try within which one close of the item is taken for that of the try itself.
_OWN_CLOSE: Final = 0.1


@dataclass(slots=True)
class Failed:
    """One item that stays as it is until somebody does something about it, or unlocks its key."""

    result: Result
    since: float
    """Monotonic time of the first try."""
    tries: int


class Standing:
    """Items of one root that are not in the asked state, and the story of each."""

    def __init__(self, root: str, backoff: Backoff, tell: Callable[[Event], None]) -> None:
        """Begin with nothing wrong in the root, which is an absolute path."""
        self._root = root
        self._tell = tell
        self.pending = PendingItems(backoff)
        self._failed: dict[Place, Failed] = {}
        self._more: Counter[Reason] = Counter()
        """Items that are only counted."""
        self._heard: set[Place] = set()
        """Items heard of in the pass that is under way."""
        self._tried_at: dict[Place, float] = {}
        """When the items that are awaited were tried last, until their close by the try was heard."""
        self._closes: Counter[Place] = Counter()
        """Closes heard of items that were being tried; one of them is the try's."""

    def known(self) -> frozenset[Place]:
        """Return the items that are known by place."""
        return frozenset([*self._failed, *(place for place, _ in self.pending.items())])

    def begin(self) -> None:
        """Note that a pass over the root begins."""
        self._heard.clear()

    def note(self, place: Place, result: Result, *, successes: bool) -> None:
        """Note what became of an item, and tell it."""
        lasting = result.reason.lasting if result.reason else Lasting.FINE
        if lasting is Lasting.FINE:
            self._resolve(place, str(result.reason or result.outcome))
            if successes and result.converted:
                self._tell_success(place, result)
            return
        self._heard.add(place)
        if lasting is Lasting.BRIEF:
            self._note_pending(place, result)
        else:
            self._note_failed(place, result)

    def _note_pending(self, place: Place, result: Result) -> None:
        now = time.monotonic()
        before = self._failed.pop(place, None)
        if not self.pending.put(place, result, now):
            self._more[_reason(result)] += 1
            return
        item = self.pending.get(place)
        assert item  # noqa: S101 - it was put there
        if before:
            item.tries, item.since = before.tries + 1, before.since
        self._expect_own_close(place, item, now)
        path = self._path(place)
        self._tell(
            ItemSkipped(
                path=path,
                reason=_reason(result),
                holders=tuple(HolderField(pid=pid, command=command) for pid, command in result.holders),
                attempt=item.tries,
                detail=result.detail,
            )
        )
        self._tell(
            ItemRetryScheduled(
                path=path, reason=_reason(result), attempt=item.tries + 1, retry_seconds=item.due - now
            )
        )

    def _note_failed(self, place: Place, result: Result) -> None:
        waited = self.pending.get(place)
        self._forget(place)
        item = self._failed.get(place)
        if item is None:
            if len(self._failed) >= MOST_FAILED:
                self._more[_reason(result)] += 1
                return
            since = waited.since if waited else time.monotonic()
            item = self._failed[place] = Failed(result, since, waited.tries if waited else 0)
        item.result = result
        item.tries += 1
        if _reason(result).lasting is Lasting.LOCKED:
            self._tell(ItemSkipped(path=self._path(place), reason=_reason(result), attempt=item.tries))
            return
        self._tell(
            ItemFailed(
                path=self._path(place),
                reason=_reason(result),
                errno=result.errno,
                attempt=item.tries,
                detail=result.detail,
            )
        )

    def _tell_success(self, place: Place, result: Result) -> None:
        self._tell(_SUCCESSES[result.outcome](path=self._path(place), size=result.size))

    def _resolve(self, place: Place, outcome: str) -> None:
        item: Pending | Failed | None = self.pending.get(place) or self._failed.pop(place, None)
        self._forget(place)
        if item:
            self._tell(
                ItemResolved(
                    path=self._path(place),
                    outcome=outcome,
                    reason=_reason(item.result),
                    attempts=item.tries + 1,
                    seconds=time.monotonic() - item.since,
                )
            )

    def _forget(self, place: Place) -> None:
        self.pending.drop(place)
        self._tried_at.pop(place, None)
        self._closes.pop(place, None)

    def finish(self, tally: Tally) -> None:
        """Note that a pass has been over the whole root: what it did not come upon is no more."""
        for place in self.known() - self._heard:
            self._resolve(place, Outcome.GONE)
        named = Counter(_reason(item.result) for _, item in self._all())
        self._more = Counter(
            {reason: count for reason, count in tally.left.items() if reason.lasting is not Lasting.FINE}
        )
        self._more -= named
        self._heard.clear()

    # -- retries -------------------------------------------------------------------------------

    @property
    def uncounted(self) -> bool:
        """Whether some items to be tried again are not known by place: only a whole pass can try those."""
        return any(reason.lasting is Lasting.BRIEF for reason in self._more)

    def closed(self, place: Place) -> None:
        """Note that somebody has closed an item: who holds it, or the try that we have just made."""
        item = self.pending.get(place)
        if item is None:
            return
        if item.due == inf:
            self._closes[place] += 1
            return
        tried = self._tried_at.pop(place, -inf)
        now = time.monotonic()
        if now - tried > _OWN_CLOSE:
            self.pending.closed(place, now)

    def _expect_own_close(self, place: Place, item: Pending, now: float) -> None:
        """Note that a try has closed an item, which is heard like any other close if that was awaited."""
        closes = self._closes.pop(place, 0)
        if item.tries == 1:
            return
        if not closes:
            self._tried_at[place] = now
        elif closes > 1:
            self.pending.closed(place, now)

    def awaited(self) -> Iterator[Place]:
        """Yield the items whose close is waited for."""
        return (place for place, _ in self.pending.items())

    # -- for the daemon ------------------------------------------------------------------------

    def counts(self, lasting: Lasting) -> Counter[Reason]:
        """Return how many items are tried again (BRIEF), stay (STAYS) or wait for the key, by reason."""
        counts = Counter(_reason(item.result) for _, item in self._all()) + self._more
        return Counter({reason: count for reason, count in counts.items() if reason.lasting is lasting})

    def stuck(self) -> Iterator[Stuck]:
        """Yield the items known by place, those that are tried again first."""
        for place, item in self._all():
            due = item.due if isinstance(item, Pending) else None
            yield Stuck.model_construct(
                path=self._path(place),
                reason=str(_reason(item.result)),
                errno=item.result.errno,
                detail=item.result.detail[:1024],
                holders=tuple(
                    Holder.model_construct(pid=pid, command=command) for pid, command in item.result.holders
                ),
                attempts=item.tries,
                retry_at=None if due is None else _wall_clock(due),
            )

    def _all(self) -> Iterator[tuple[Place, Pending | Failed]]:
        yield from self.pending.items()
        yield from self._failed.items()

    def _path(self, place: Place) -> str:
        return join(self._root, join(*place))


_SUCCESSES: Final[Mapping[Outcome, type[ItemEncrypted | ItemUnencrypted | ItemRekeyed]]] = MappingProxyType(
    {
        Outcome.ENCRYPTED: ItemEncrypted,
        Outcome.UNENCRYPTED: ItemUnencrypted,
        Outcome.REKEYED: ItemRekeyed,
    }
)
"""What is told of an item that was written anew."""


def _reason(result: Result) -> Reason:
    return result.reason or Reason.IO_ERROR


def _wall_clock(due: float) -> float:
    """Return a monotonic time as seconds since 1970; now, for what is being tried at the moment."""
    return time.time() + max(0.0, due - time.monotonic() if due != inf else 0.0)
