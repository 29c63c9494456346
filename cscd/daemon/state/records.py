"""What the service remembers from one start to the next.

Every record is bounded where it is made: a value that is none of its kind raises ValueError, whether a worker
sent it or a damaged file held it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, get_args

from cscd.age.keys import MAX_KEY
from cscd.config.settings import Policy
from cscd.files.goal import State

MOST_UID: Final = 2**32 - 2
"""The largest uid; the one above it stands for "none" (setresuid(2))."""
MOST_NUMBER: Final = 2**63 - 1
"""The largest integer of SQLite (datatype3.html)."""
MOST_NAME: Final = 256
"""Characters of a user's name (LOGIN_NAME_MAX in limits.h)."""
MOST_WORD: Final = 64
"""Characters of a name from a closed list, as in the log."""
MOST_REASONS: Final = 64
"""Reasons counted apart; there are 21."""
MOST_RECIPIENTS: Final = 1024
"""Recovery recipients; a configuration may have a handful."""

Counts = Mapping[str, int]
"""Items by reason."""


@dataclass(frozen=True, slots=True)
class DrillRecord:
    """What came of a recovery drill: a try of the offline key on a sample of items."""

    at: float
    """When, in seconds since 1970."""
    items: int
    """Items in the sample."""
    failed: int
    """Of these, those that the key did not open."""

    def __post_init__(self) -> None:
        """Refuse what is none."""
        _require(0 <= self.at < MOST_NUMBER, "at")
        _number(self.items, MOST_NUMBER, "items")
        _number(self.failed, self.items, "failed")


@dataclass(frozen=True, slots=True)
class CacheRecord:
    """What is remembered of the cache as a whole."""

    chosen: State | None = None
    """The state that a call or a set policy chose last; None while nobody did."""
    state: State | None = None
    """The state that was in force last; None before the first start, and when it was lost."""
    policy: Policy | None = None
    """The policy that was in force last; None as above."""
    recovery: tuple[str, ...] | None = None
    """The recovery recipients that were in force last; None as above."""
    drill: DrillRecord | None = None
    """The last drill with a key of these recipients; None if there was none."""

    def __post_init__(self) -> None:
        """Refuse what is none."""
        if self.policy is not None and self.policy not in get_args(Policy):
            raise ValueError("not a policy")
        if self.recovery is not None:
            _require(len(self.recovery) <= MOST_RECIPIENTS, "recovery")
            for recipient in self.recovery:
                _text(recipient, MAX_KEY, "recovery")


@dataclass(frozen=True, slots=True)
class PassRecord:
    """One pass that has ended."""

    pass_id: str
    trigger: str
    """Why it began, as in the event pass_started."""
    scope: str
    """all or found, as in `cscd.worker.messages`."""
    goal: State
    ended: float
    """Seconds since 1970."""
    seconds: float
    """From begin to end."""
    complete: bool
    """Whether everything in its scope was looked at."""
    partial: bool
    """Whether some item was not in the state, or not known to be."""
    stopped: bool
    """Whether it was stopped before its end."""
    converted: int = 0
    converted_bytes: int = 0
    right: int = 0
    right_bytes: int = 0
    pending: int = 0
    """Items left alone, to be tried again."""
    failed: int = 0
    """Items left alone until somebody does something about it."""
    untouched: int = 0
    """Items found and not dealt with."""
    other_key: int = 0
    """Items that were right, encrypted for other recipients."""
    error: str = ""
    """Why it could not be done, a word; "" if it could."""
    reasons: Counts = field(default_factory=dict)
    """Why items were left alone."""

    def __post_init__(self) -> None:
        """Refuse what is none."""
        for name in ("pass_id", "trigger", "scope", "error"):
            _text(getattr(self, name), MOST_WORD, name)
        for name in ("ended", "seconds"):
            _require(0 <= getattr(self, name) < MOST_NUMBER, name)  # nan is in no range
        for name in _NUMBERS:
            _number(getattr(self, name), MOST_NUMBER, name)
        _counts(self.reasons, "reasons")


_NUMBERS: Final = (
    *("converted", "converted_bytes", "right", "right_bytes"),
    *("pending", "failed", "untouched", "other_key"),
)


@dataclass(frozen=True, slots=True)
class UserRecord:
    """What is remembered of one user."""

    uid: int
    name: str
    """As it was at the last logon."""
    last_pass: PassRecord | None = None
    """The last pass over all of the user's items."""
    pending: Counts = field(default_factory=dict)
    """Items that were not right when the user was last seen, by reason."""

    def __post_init__(self) -> None:
        """Refuse what is none."""
        _number(self.uid, MOST_UID, "uid")
        _text(self.name, MOST_NAME, "name")
        _counts(self.pending, "pending")


def _counts(counts: Counts, what: str) -> None:
    _require(len(counts) <= MOST_REASONS, what)
    for reason, count in counts.items():
        _text(reason, MOST_WORD, what)
        _number(count, MOST_NUMBER, what)


def _number(value: object, most: int, what: str) -> None:
    _require(type(value) is int and 0 <= value <= most, what)


def _text(value: object, most: int, what: str) -> None:
    _require(isinstance(value, str) and len(value) <= most, what)


def _require(right: bool, what: str) -> None:  # noqa: FBT001 - the assertion itself
    if not right:
        raise ValueError(f"{what} is not what it should be")
