"""How much anybody may ask of the service, so that nobody can keep it from the others.

Each user has so many connections at once, and so many questions a second with a reserve for a burst. All
users together have so many connections. A user can have many uids (subuid(5) gives 65,536), so whoever comes
when all places are taken gets the place of the one who has sat longest without asking; and root, who has to
find out what is wrong, has places of its own.
"""

import itertools
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

ROOT: Final = 0
_MOST_KNOWN: Final = 1024
"""Users whose reserve is remembered. One who is forgotten has a full one, as after a pause."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is granted."""

    connections: int = 64
    """At once, of all users but root."""
    connections_each: int = 8
    """At once, of one user."""
    burst: int = 200
    """Questions of one user without a pause."""
    rate: float = 50.0
    """Questions of one user a second, in the long run."""


@dataclass(slots=True)
class _Reserve:
    """A bucket of tokens: it fills with time, and each question takes one."""

    tokens: float
    at: float


@dataclass(slots=True, eq=False)
class Seat:
    """The place of one connection; `idle` while its question has not come."""

    uid: int
    number: int
    idle: bool = True


@dataclass(slots=True)
class Allowance:
    """Who has how much of it."""

    limits: Limits
    _seats: dict[int, Seat] = field(default_factory=dict)
    """By number; a dictionary keeps the order in which they came."""
    _by_uid: dict[int, int] = field(default_factory=dict)
    _reserves: "OrderedDict[int, _Reserve]" = field(default_factory=OrderedDict)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def admit(self, uid: int, now: float) -> Seat | str:
        """Return a place for a connection, or the limit that refuses it: "calls_at_once" or "rate".

        Where all are taken and one of them is idle, `crowded` says whose turn it is to go.
        """
        if self._by_uid.get(uid, 0) >= self.limits.connections_each:
            return "calls_at_once"
        if uid != ROOT and self._others() >= self.limits.connections:
            return "calls_at_once"
        if not self._take(uid, now):
            return "rate"
        seat = Seat(uid, next(self._numbers))
        self._seats[seat.number] = seat
        self._by_uid[uid] = self._by_uid.get(uid, 0) + 1
        return seat

    def crowded(self, uid: int) -> Seat | None:
        """Return who has to go for this user to come, if all places are taken: the longest idle one."""
        if uid == ROOT or self._others() < self.limits.connections:
            return None
        return next((seat for seat in self._seats.values() if seat.idle and seat.uid != ROOT), None)

    def release(self, seat: Seat) -> None:
        """Take a place back; nothing happens if it was taken back already."""
        if self._seats.pop(seat.number, None) is None:
            return
        left = self._by_uid[seat.uid] - 1
        if left:
            self._by_uid[seat.uid] = left
        else:
            del self._by_uid[seat.uid]

    def _others(self) -> int:
        """Return how many places others than root have."""
        return len(self._seats) - self._by_uid.get(ROOT, 0)

    def _take(self, uid: int, now: float) -> bool:
        """Take a question from a user's reserve; False if it is used up."""
        reserve = self._reserves.pop(uid, None) or _Reserve(float(self.limits.burst), now)
        self._reserves[uid] = reserve  # the last one now: the first is the one that is forgotten
        if len(self._reserves) > _MOST_KNOWN:
            self._reserves.popitem(last=False)
        grown = reserve.tokens + (now - reserve.at) * self.limits.rate
        reserve.tokens, reserve.at = min(float(self.limits.burst), grown), now
        if reserve.tokens < 1:
            return False
        reserve.tokens -= 1
        return True
