"""What the service says of itself: the object that ``cscd status --json`` prints.

The daemon makes one from what it knows in memory, so that asking costs it little and touches no disk. Who may
see what of it is one rule, `seen_by`.

Additions may come at any time. A field keeps its name and meaning as long as `format` keeps its number.
`docs/command-line.md` lists the fields from these docstrings; a test compares.
"""

import re
from collections.abc import Iterable
from itertools import islice
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from cscd.files.goal import State
from cscd.files.name import Name
from cscd.worker import messages

MOST_STUCK: Final = 20
"""Items of one user that are named one by one; all are counted."""

MOST_STUCK_OF_ALL: Final = 1000
"""Items of all users that are named one by one: an answer about thousands of users must stay one that takes
milliseconds to make, whatever their workers say."""

MOST_CALLERS: Final = 8
"""Callers who are named for one operation; all are counted."""

MOST_HOLDERS: Final = 4
"""Processes that are named for one item."""

ROOT: Final = 0
"""The uid that sees everything."""

NO_RECOVERY: Final = (
    "no recovery recipient is set: if a user's key is lost, so is everything that was encrypted to it; make"
    " one with `cscd keys recovery-init` and put it into encryption.recovery_recipients"
)
"""The warning of a service that encrypts and has nobody who could recover."""

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
"""A length of time."""
Time = Annotated[float, Field(ge=0)]
"""A point in time: seconds since 1970."""


_MOST_TEXT: Final = 512
"""Characters of a sentence or a name; what is longer is cut."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def _valid(value: object) -> object:
    """Make text fit for JSON, whatever bytes a name in it has: lone surrogates are no characters."""
    if not isinstance(value, str):
        return value
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value[:_MOST_TEXT])


Text = Annotated[str, BeforeValidator(_valid)]


def _first(most: int) -> BeforeValidator:
    """Keep the first of many: what a worker says must not keep anybody from being told the rest."""
    return BeforeValidator(lambda value: value[:most] if isinstance(value, (tuple, list)) else value)


class Part(BaseModel):
    """What all parts have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class RootStatus(Part):
    """One root: a directory of a user's cache."""

    path: Name
    """Its absolute path."""
    state: Literal["watched", "unwatched", "awaited"]
    """"watched": new items are seen at once; "unwatched": they are found by the next recheck; "awaited": it
    is not there, or cannot be worked on yet."""
    reason: str = ""
    """Why it is not watched, or not there; "" if it is watched."""

    @classmethod
    def of(cls, standing: messages.RootStanding) -> Self:
        """Say what a worker said."""
        return cls(path=Name.of(standing.path), state=standing.state, reason=standing.reason)


class Reasons(Part):
    """The items that are not right for one reason."""

    reason: str
    """Its name, as in the reasons for leaving an item alone; new ones may come."""
    items: Count
    """How many."""

    @classmethod
    def of(cls, counts: Iterable[messages.ReasonCount]) -> tuple[Self, ...]:
        """Say what a worker said."""
        return tuple(cls(reason=each.reason, items=each.count) for each in counts if each.count)


class HolderStatus(Part):
    """A process that has an item open."""

    pid: Count
    """Its process id."""
    command: Text
    """Its name, as in /proc/PID/comm."""


class StuckItem(Part):
    """One item that is not right."""

    path: Name
    """Its absolute path."""
    reason: str
    """Why, by name."""
    errno: Count = 0
    """The error's number, as in errno(3); 0 if no system call failed."""
    detail: Text = ""
    """What else is known, a sentence for people; may be empty."""
    holders: Annotated[tuple[HolderStatus, ...], _first(MOST_HOLDERS)] = ()
    """Who has it open, as far as its owner may see."""
    attempts: Count = 1
    """How often it was tried."""
    retry_at: Time | None = None
    """When it is tried again, in seconds since 1970; null if not before the next recheck, or not before
    somebody does something about it. Its being closed brings the next try forward."""

    @classmethod
    def of(cls, items: Iterable[messages.Stuck]) -> tuple[Self, ...]:
        """Say what a worker said, of the first of them."""
        return tuple(cls._of(each) for each in islice(items, MOST_STUCK))

    @classmethod
    def _of(cls, item: messages.Stuck) -> Self:
        return cls(
            path=Name.of(item.path),
            reason=item.reason,
            errno=item.errno,
            detail=item.detail,
            holders=tuple(HolderStatus(pid=holder.pid, command=holder.command) for holder in item.holders),
            attempts=item.attempts,
            retry_at=item.retry_at,
        )


class RunningPass(Part):
    """A pass that is under way."""

    id: str
    """Its name, as in the log."""
    trigger: str
    """What it is for: logon, logoff, interval, retry, new_items, ...; as in the event pass_started."""
    goal: State
    """The state that items are brought into."""
    began: Time
    """When, in seconds since 1970."""
    items: Count = 0
    """Items dealt with."""
    found: Count = 0
    """Items found so far."""
    bytes: Count = 0
    """Bytes of content read, of `found_bytes`."""
    found_bytes: Count = 0
    """Bytes of content of the items found so far."""
    waiting: Count = 0
    """Items that wait for another try."""

    def at(self, progress: messages.PassProgress) -> Self:
        """Return how far it has come by now."""
        counts = progress.model_dump(include={"items", "found", "bytes", "found_bytes", "waiting"})
        return self.model_copy(update=counts)


class CallerStatus(Part):
    """A program that waits for the answer to a call of Encrypt."""

    name: Text
    """The account that it runs as."""
    uid: Count
    """The account's number."""
    pid: Count = 0
    """Its process id when it called; 0 if it is not known."""


class OperationStatus(Part):
    """A call of Encrypt for a user's items that has no answer yet."""

    goal: State
    """The state that was asked for."""
    background: bool
    """Whether it gives way to programs that open items."""
    began: Time
    """When it was called, in seconds since 1970."""
    pass_id: str = ""
    """The pass that does it; "" before it starts."""
    waiting: Count
    """How many calls get its answer: whoever asks for the same meanwhile joins it."""
    callers: Annotated[tuple[CallerStatus, ...], _first(MOST_CALLERS)] = ()
    """Whose calls these are, the first of them first."""


class LastPass(Part):
    """The pass over all of a user's items that ended last."""

    id: str
    """Its name, as in the log."""
    trigger: str
    """What it was for, as in a running pass."""
    goal: State
    """The state that items were to be brought into."""
    ended: Time
    """When, in seconds since 1970."""
    seconds: Seconds
    """How long it took."""
    complete: bool
    """Whether everything was looked at."""
    partial: bool
    """Whether some item was not in that state afterwards, or not known to be."""
    stopped: bool = False
    """Whether it was stopped before its end."""
    error: str = ""
    """Why it could not be done, or not in a whole root; "" if it could."""
    converted: Count = 0
    """Items that it brought into that state."""
    converted_bytes: Count = 0
    """Their bytes of content."""
    right: Count = 0
    """Items that were in that state before."""
    pending: Count = 0
    """Items that it left alone, to be tried again."""
    failed: Count = 0
    """Items that it left alone until somebody does something about it."""
    other_key: Count = 0
    """Items that are right, and encrypted for other recipients than the current ones: another key of the
    user's, or other recovery keys."""

    @classmethod
    def of(cls, running: RunningPass, result: messages.PassEnded, ended: float) -> Self:
        """Say what came of a pass that ended at this time, in seconds since 1970."""
        return cls(
            id=running.id,
            trigger=running.trigger,
            goal=running.goal,
            ended=ended,
            seconds=result.seconds,
            complete=result.complete,
            partial=result.partial,
            stopped=result.stopped,
            error=result.error,
            converted=result.converted,
            converted_bytes=result.converted_bytes,
            right=result.right,
            pending=result.pending,
            failed=result.failed,
            other_key=result.other_key,
        )


class UserStatus(Part):
    """One user: logged on, or with something still to be done."""

    name: Text
    """As in the user database; the uid as text if it is not known there."""
    uid: Count
    """The user's number."""
    sessions: Count
    """Open sessions that count as a logon; 0 while the pass after the logoff is under way."""
    worker: Literal["none", "starting", "ready", "restarting", "abandoned"]
    """The process that does the user's work. "restarting": it failed and comes again; "abandoned": it failed
    too often, and comes again at the next logon."""
    worker_pid: Count | None = None
    """Its process id, null where there is none."""
    key_id: str = ""
    """Names the key that the user's items are encrypted to; "" while there is none."""
    key: Literal["none", "locked", "unlocked"] = "none"
    """Whether the key can decrypt now: "locked" encrypts, but decrypts nothing until it is unlocked."""
    protectors: tuple[str, ...] = ()
    """What opens the key: machine, passphrase."""
    stale: bool = False
    """Whether the logon password did not open the key the last time, for it was changed elsewhere."""
    awaited: bool = False
    """Whether there is no key yet because the first passphrase makes it; nothing is encrypted until then."""
    partial: bool
    """Whether some item is not in the state of the cache, or is not known to be."""
    right: Count = 0
    """Items in the state of the cache, as far as known."""
    right_bytes: Count = 0
    """Their bytes of content, as far as known."""
    pending: tuple[Reasons, ...] = ()
    """Items that are tried again by themselves, by reason."""
    failed: tuple[Reasons, ...] = ()
    """Items that stay as they are until somebody does something about it, by reason."""
    stuck: Annotated[tuple[StuckItem, ...], _first(MOST_STUCK)] = ()
    """The first of both; fewer of them where there are many users."""
    roots: tuple[RootStatus, ...] = ()
    """The directories of the user's cache."""
    waiting: bool = False
    """Whether a pass waits for its turn."""
    operation: OperationStatus | None = None
    """The call of Encrypt that is under way for the user, null if there is none."""
    running: RunningPass | None = None
    """The pass that is under way, null if there is none."""
    last: LastPass | None = None
    """The pass over everything that ended last, null if none did yet."""

    @property
    def pending_items(self) -> int:
        """Items that are tried again."""
        return sum(each.items for each in self.pending)

    @property
    def failed_items(self) -> int:
        """Items that are not."""
        return sum(each.items for each in self.failed)


class DrillStatus(Part):
    """A try of the recovery key, which is kept offline, on a sample of real items."""

    at: Time
    """When, in seconds since 1970."""
    items: Count
    """Items in the sample."""
    failed: Count
    """Of these, those that it did not open."""


class Status(Part):
    """What ``cscd status --json`` prints."""

    format: Literal[1] = 1
    """The version of this object."""
    command: Literal["status"] = "status"
    """What it is the report of."""
    version: str
    """Of the service."""
    time: Time
    """When this was said, in seconds since 1970."""
    pid: Count
    """The process id of the service."""
    uptime: Seconds
    """How long it has been running, in seconds."""
    state: State
    """The cache-wide encryption state: what every item shall be."""
    partial: bool
    """Whether some item of some user is not in that state, or is not known to be."""
    policy: Literal["encrypted", "unencrypted", "user-controlled"]
    """The policy in force."""
    state_since: Time | None = None
    """Since when the cache has had that state, in seconds since 1970; null if it was never changed."""
    session_source: str
    """Who tells about logons: "logind", "runtime-directory", "self" (one user, no service), or "" while none
    works."""
    recovery_recipients: Count
    """How many can read every file besides its user."""
    recovery_drill: DrillStatus | None = None
    """The last drill (``cscd keys recovery-drill``) with a key of these recipients; null if never."""
    warnings: tuple[Text, ...] = ()
    """What an administrator should do something about, in sentences; may change. Everybody sees them, so that
    none names a user or a file."""
    passes_running: Count = 0
    """Passes that are under way."""
    passes_waiting: Count = 0
    """Passes that wait for their turn."""
    users_all: Count = 0
    """How many users there are; more than in `users` for one who may not see the others."""
    users: tuple[UserStatus, ...] = ()
    """The users that the caller may see: root all, anybody else only themselves."""


def seen_by(status: Status, uid: int) -> Status:
    """Return what a user may see: root everything, others what concerns the machine, and themselves."""
    if uid != ROOT:
        return status.model_copy(update={"users": tuple(user for user in status.users if user.uid == uid)})
    share = MOST_STUCK_OF_ALL // max(1, len(status.users))
    if share >= MOST_STUCK:
        return status
    users = tuple(user.model_copy(update={"stuck": user.stuck[: max(1, share)]}) for user in status.users)
    return status.model_copy(update={"users": users})


def warnings(state: State, recovery_recipients: int) -> tuple[str, ...]:
    """Return what is to be said loudly of a configuration, here and in the log."""
    return (NO_RECOVERY,) if state is State.ENCRYPTED and not recovery_recipients else ()
