"""What the daemon and a user's worker say to each other.

The worker is not trusted: what it sends is checked against these models, which bound every number, text and
list, and `cscd.worker.channel` bounds the message as a whole. No message holds a secret: the identities for a
pass that unencrypts come through a pipe, of which the daemon sends the end beside `StartPass`.

::

    daemon                              worker
    Setup (again at every reload) ───▶
                                  ◀───  Ready
    StartPass (of its own accord) ───▶    + the end of the pipe with the identities
                                  ◀───  PassProgress …, Happened …, Standing …, PassEnded
                                  ◀───  WantPass (new items, retries due, a recheck)
    StartPass (when it is their turn) ▶
                                  ◀───  ItemBegins, ItemEnds (if the pass is told item by item)
    Go (the answer to each, if the pass asks) ▶
    StopPass                      ───▶
    Ping                          ───▶  Pong
    the end of the stream         ───▶  stops what it does, and ends

Paths are text as `os.fsdecode` gives it.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StringConstraints

from cscd.files.goal import State

MOST_ROOTS = 64
"""Roots of one user."""
MOST_LISTED = 100
"""Items that are named one by one in a message; all are counted."""


def _at_most(length: int) -> PlainValidator:
    """Take text of any characters: pydantic's own bound on a length refuses bytes that are not UTF-8."""

    def checked(value: object) -> str:
        if not isinstance(value, str) or len(value) > length:
            raise ValueError(f"expected text of at most {length} characters")
        return value

    return PlainValidator(checked)


Path = Annotated[str, _at_most(4096)]
"""PATH_MAX (limits.h)."""
Word = Annotated[str, StringConstraints(max_length=64, pattern=r"^[a-z0-9_-]*$")]
PassId = Annotated[str, StringConstraints(max_length=32, pattern=r"^[0-9a-f]+$")]
Text = Annotated[str, _at_most(1024)]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Seconds = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]

Scope = Literal["all", "found"]
"""Of a pass: every item of every root, or what the worker knows of (new items, retries that are due)."""


class Message(BaseModel):
    """Base of all messages."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, hide_input_in_errors=True
    )


# -- from the daemon ---------------------------------------------------------------------------------------


class Setup(Message):
    """What the worker works on, and how; replaces what an earlier one said."""

    kind: Literal["setup"] = "setup"
    roots: Annotated[tuple[Path, ...], Field(max_length=MOST_ROOTS)]
    """Absolute paths of the roots; one that is not there is waited for."""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    leases_required: bool = True
    state_directory: Path
    """For indexes and locks; there already, and the user's own."""
    retry_first: Seconds
    """Seconds before the first retry of an item that is in use; each further wait is twice as long."""
    retry_longest: Seconds
    """Seconds between two retries at most."""
    io: Literal["idle", "low", "normal"]
    """The I/O priority of passes in the background."""
    nice: Annotated[int, Field(ge=0, le=19)]
    """The nice value of passes in the background."""
    successes: bool = False
    """Whether every item that was converted is told, as the log's level wants it."""


class StartPass(Message):
    """Do a pass now. One is under way at a time; another one is sent only after `PassEnded`.

    To unencrypt, the identities come through a pipe whose end is beside this (`cscd.worker.holder.lending`).
    The process of the pass reads them, and they go with it.
    """

    kind: Literal["start_pass"] = "start_pass"
    pass_id: PassId
    scope: Scope
    goal: Annotated[State, Field(strict=False)]
    recipients: tuple[str, ...] = ()
    """To encrypt to: the user's first, then those who recover."""
    background: bool = True
    """Give way at once to whoever opens an item."""
    telling: Literal["no", "told", "asked"] = "no"
    """Whether each item is told, before and after, and whether the work waits for `Go` each time."""


class StopPass(Message):
    """Stop the pass after the chunk at hand; `PassEnded` follows. Nothing happens if it has ended already."""

    kind: Literal["stop_pass"] = "stop_pass"
    pass_id: PassId


class Go(Message):
    """The answer to `ItemBegins` or `ItemEnds`, in a pass that asks."""

    kind: Literal["go"] = "go"
    pass_id: PassId
    number: Count
    """Of the item."""
    answer: Literal["continue", "retry", "abort"]
    """What to do: go on, the same item once more (after `ItemEnds`), or stop the pass."""


class Ping(Message):
    """Answer at once."""

    kind: Literal["ping"] = "ping"
    number: Count


# -- from the worker ---------------------------------------------------------------------------------------


class Ready(Message):
    """The worker is the user, confined, and has taken the setup."""

    kind: Literal["ready"] = "ready"


class WantPass(Message):
    """There is something to do. Said once for each scope until the pass for it starts."""

    kind: Literal["want_pass"] = "want_pass"
    trigger: Literal["new_items", "retry", "watch_degraded", "root_found"]
    scope: Scope
    items: Count
    """How many are known, 0 where that is not the question."""
    bytes: Count = 0
    """How large they are together, as far as known."""


class PassProgress(Message):
    """How far the pass has come; at most once a second."""

    kind: Literal["pass_progress"] = "pass_progress"
    pass_id: PassId
    items: Count
    """Dealt with."""
    found: Count
    """Found so far."""
    bytes: Count
    """Of content read, of `found_bytes`."""
    found_bytes: Count
    waiting: Count
    """Items that wait for another try."""


class ReasonCount(Message):
    """How many items were left alone for one reason."""

    reason: Word
    count: Count


class Holder(Message):
    """A process that has an item open."""

    pid: Count
    command: Text


class Stuck(Message):
    """One item that is not in the asked state."""

    path: Path
    """Absolute."""
    reason: Word
    errno: Count = 0
    detail: Text = ""
    holders: Annotated[tuple[Holder, ...], Field(max_length=16)] = ()
    attempts: Count = 1
    retry_at: Seconds | None = None
    """Seconds since 1970 of the next try; None if there is none before the next pass over everything."""


class ItemBegins(Message):
    """An item is about to be converted; in a pass that asks, only once `Go` says so.

    Told are items that are converted, and items and directories that are left alone for a reason that leaves
    the cache partial; nothing is told of what is right, or holds nothing to convert. Of what is left alone
    without a look inside, only the first in each directory are told.

    A pass that does not ask converts many items at a time. It tells of most when they are done, and of no
    more than the link affords (`cscd.worker.passes.announcements`).
    """

    kind: Literal["item_begins"] = "item_begins"
    pass_id: PassId
    number: Count
    """Counts the items of the pass from 1, also those that are not told; a retry has a number of its own."""
    path: Path
    """Absolute."""


class ItemEnds(Message):
    """What came of an item that has begun.

    In a pass that asks, it is the one that began last, what came of it is on the medium, and nothing goes on
    before `Go`. An item that has begun has no end only if the pass is stopped, or ends by a fault.
    """

    kind: Literal["item_ends"] = "item_ends"
    pass_id: PassId
    number: Count
    path: Path
    """Absolute."""
    reason: Word = ""
    """Why it was left alone; "" if it is in the asked state."""


class PassEnded(Message):
    """A pass has ended: what came of it."""

    kind: Literal["pass_ended"] = "pass_ended"
    pass_id: PassId
    complete: bool
    """Whether everything in its scope was looked at."""
    partial: bool
    """Whether some item of its scope is not in the asked state, or not known to be."""
    stopped: bool
    """Whether it was stopped before its end."""
    converted: Count = 0
    converted_bytes: Count = 0
    right: Count = 0
    """In the asked state before."""
    right_bytes: Count = 0
    pending: Count = 0
    """Left alone, to be tried again."""
    failed: Count = 0
    """Left alone until somebody does something about it."""
    untouched: Count = 0
    """Found and not dealt with, because it was stopped."""
    other_key: Count = 0
    """Right, and encrypted for other recipients than those asked for."""
    reasons: Annotated[tuple[ReasonCount, ...], Field(max_length=64)] = ()
    """Why items were left alone, the most frequent first; also those that hold nothing to convert."""
    seconds: Seconds = 0.0
    error: Literal["", "busy", "target", "key", "system", "died"] = ""
    """Why it could not be done, or not in a whole root; "" if it could."""
    errno: Count = 0
    detail: Text = ""


class RootStanding(Message):
    """How one root is doing."""

    path: Path
    state: Literal["watched", "unwatched", "awaited"]
    reason: Word = ""
    """Why it is not watched, or not there."""


class Standing(Message):
    """What is not right at the moment; sent when that changes, at most once a second."""

    kind: Literal["standing"] = "standing"
    roots: Annotated[tuple[RootStanding, ...], Field(max_length=MOST_ROOTS)]
    pending: Annotated[tuple[ReasonCount, ...], Field(max_length=64)]
    """Items that are tried again, by reason."""
    failed: Annotated[tuple[ReasonCount, ...], Field(max_length=64)]
    """Items that stay as they are until somebody does something about it, by reason."""
    first: Annotated[tuple[Stuck, ...], Field(max_length=MOST_LISTED)]
    """The first of both."""


class Happened(Message):
    """An event of the catalogue (`cscd.events`) of this user; only those that a worker may tell are taken."""

    kind: Literal["happened"] = "happened"
    event: Word
    fields: dict[str, Any]
    """Checked by the event's own model."""
    pass_id: PassId | None = None


class Pong(Message):
    """The answer to Ping."""

    kind: Literal["pong"] = "pong"
    number: Count


FromDaemon = Annotated[Setup | StartPass | StopPass | Go | Ping, Field(discriminator="kind")]
FromWorker = Annotated[
    Ready | WantPass | PassProgress | ItemBegins | ItemEnds | PassEnded | Standing | Happened | Pong,
    Field(discriminator="kind"),
]
