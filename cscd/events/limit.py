"""How often the same event is written: a bucket of tokens for each event, reason and user.

A bucket holds `Limits.burst` tokens and gets one more every `Limits.interval`. Each event takes one; without
one it is only counted, and the count is written as one `suppressed` event when there is a token again, when
its pass ends, or when `take_counts` is called. A tree of a million conflicting files costs a hundred lines,
and then one a minute.

The number of buckets is bounded, too: beyond `MOST_KEYS`, or `MOST_EACH` of one user, reasons are no longer
told apart; so a worker that makes up reasons does not get a bucket for each. Nothing here is
safe for several threads; `cscd.events.log` has the lock.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

MOST_KEYS: Final = 4096
"""Events, reasons and users told apart: a megabyte of buckets."""

MOST_EACH: Final = 128
"""Of one user: more than the reasons that there are."""


class Limits(NamedTuple):
    """How much is too much."""

    burst: int = 100
    """Events written before counting begins; 0 for no limit at all."""
    interval: float = 60.0
    """Seconds for each further one."""


class Key(NamedTuple):
    """What makes events repetitions of each other."""

    user: str | None
    event: str
    reason: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Events that were not written."""

    key: Key
    count: int
    seconds: float
    """From the first to now."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled: float
    """When the tokens were counted last."""
    held: int = 0
    """Events not written and not told yet."""
    since: float = 0.0
    """When the first of them came."""


class Limiter:
    """Decides which events are written, and keeps the counts of the others."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        """Begin with full buckets; `clock` gives seconds that never go back."""
        self._limits = limits
        self._clock = clock
        self._buckets: dict[Key, _Bucket] = {}
        self._each: Counter[str | None] = Counter()
        """Buckets by user."""
        self._holding: set[Key] = set()
        self._swept = clock()

    def change(self, limits: Limits) -> None:
        """Go by other limits from now on."""
        self._limits = limits

    @property
    def holding(self) -> bool:
        """Whether something was counted that has not been told yet."""
        return bool(self._holding)

    def admit(self, key: Key) -> bool:
        """Return whether to write an event now, else count it."""
        if not self._limits.burst:
            return True
        now = self._clock()
        key, bucket = self._bucket(key, now)
        self._fill(bucket, now)
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return True
        if not bucket.held:
            bucket.since = now
            self._holding.add(key)
        bucket.held += 1
        return False

    def take_counts(self, wanted: Callable[[Key], bool] = lambda _: True) -> Iterator[Counted]:
        """Yield what was counted and not told yet, and forget it; only for wanted keys."""
        if not self._holding:
            return
        now = self._clock()
        for key in sorted(filter(wanted, self._holding), key=str):
            self._holding.remove(key)
            bucket = self._buckets[key]
            yield Counted(key, bucket.held, now - bucket.since)
            bucket.held = 0

    def _bucket(self, key: Key, now: float) -> tuple[Key, _Bucket]:
        if bucket := self._buckets.get(key):
            return key, bucket
        if self._too_many(key.user):
            self._forget_full(now)
        if self._too_many(key.user):
            key = Key(key.user, key.event, "")
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self._limits.burst, now)
            self._each[key.user] += 1
        return key, bucket

    def _too_many(self, user: str | None) -> bool:
        return len(self._buckets) >= MOST_KEYS or self._each[user] >= MOST_EACH

    def _forget_full(self, now: float) -> None:
        """Forget the buckets that are as good as new; not more often than they can have become so."""
        if now - self._swept < self._limits.interval:
            return
        self._swept = now
        for key, bucket in list(self._buckets.items()):
            self._fill(bucket, now)
            if not bucket.held and bucket.tokens >= self._limits.burst:
                del self._buckets[key]
                self._each[key.user] -= 1
        self._each = +self._each  # without those who have none

    def _fill(self, bucket: _Bucket, now: float) -> None:
        gained = (now - bucket.filled) / self._limits.interval
        bucket.tokens = min(self._limits.burst, bucket.tokens + gained)
        bucket.filled = now
