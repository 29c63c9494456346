"""Events of a pass: one recheck of one user's items against the cache-wide state."""

from typing import ClassVar

from cscd.events.event import Kind, PassEvent
from cscd.events.fields import Count, FileNames, ReasonCounts, Seconds, Text, Word, error_text, joined, spoken
from cscd.events.level import Level


class PassQueued(PassEvent):
    """A pass waits for its turn, because as many as allowed are under way."""

    kind: ClassVar = Kind(
        "pass_queued",
        Level.DEBUG,
        "37525224b54e3a7c947a60d7071e441e",
        "Raise `enforcement.concurrent_passes` if passes wait long.",
    )
    trigger: Word
    """What it is for, as in `pass_started`."""
    ahead: Count
    """Passes before it in the queue."""

    def message(self) -> str:
        """Say how many are before it."""
        return f"pass waits ({spoken(self.trigger)}), {self.ahead} ahead"


class PassStarted(PassEvent):
    """A pass began."""

    kind: ClassVar = Kind(
        "pass_started", Level.INFO, "fe39fbfe2ea388eeb666a1bd3517a029", "Nothing; pass_completed follows."
    )
    trigger: Word
    """logon, logoff, interval, retry, new_items, root_found, watch_degraded, reload, call, resume, rekey."""
    goal: Word
    """encrypted or unencrypted."""
    roots: FileNames
    """The directories."""

    def message(self) -> str:
        """Say why, to which end and where."""
        return f"pass started ({spoken(self.trigger)}), to {self.goal}: {joined(*self.roots)}"


class PassProgress(PassEvent):
    """A pass is under way and has come so far."""

    kind: ClassVar = Kind("pass_progress", Level.DEBUG, "37b6ad29d2401db523f6718c8d05d052", "Nothing.")
    items: Count
    """Items dealt with."""
    found: Count
    """Items found so far."""
    bytes: Count
    """Bytes of content read."""
    waiting: Count
    """Items that wait for another try."""

    def message(self) -> str:
        """Say how far."""
        return f"pass at {self.items} of {self.found} items, {self.bytes} bytes, {self.waiting} waiting"


class PassCompleted(PassEvent):
    """A pass came to its end; what it left alone is counted by reason."""

    kind: ClassVar = Kind(
        "pass_completed",
        Level.INFO,
        "b856be883d3794571bcccd3a3dcea3d3",
        "Nothing if partial is false; else `cscd status` names the items and reasons.",
    )
    goal: Word
    """encrypted or unencrypted."""
    partial: bool
    """Whether some item is not in that state, or is not known to be."""
    converted: Count
    """Items brought into that state."""
    bytes: Count
    """Their bytes of content."""
    right: Count
    """Items that were in that state before."""
    left: Count
    """Items left alone, also those that hold nothing to convert."""
    pending: Count
    """Items left alone that will be tried again."""
    failed: Count
    """Items left alone until somebody does something about it."""
    reasons: ReasonCounts
    """Why items were left alone, the most frequent reason first."""
    seconds: Seconds
    """From begin to end."""

    def message(self) -> str:
        """Sum it up."""
        done = f"{self.converted} {self.goal}, {self.right} right before, {self.left} left alone"
        reasons = f" ({joined(*self.reasons)})" if self.reasons else ""
        partial = "PARTIAL" if self.partial else "all right"
        return f"pass completed, {partial}: {done}{reasons}, in {self.seconds:.1f} s"


class PassStopped(PassEvent):
    """A pass was stopped before its end; nothing was rolled back, and the next one goes on from there."""

    kind: ClassVar = Kind(
        "pass_stopped",
        Level.INFO,
        "44f8a4fb73558788934ed9b4c4396e03",
        "Nothing; or `cscd recheck` to finish at once.",
    )
    reason: Word
    """cancelled (by the caller), superseded, service_stopping, worker_failed, logoff, call or turn_over
    (others waited; it goes on when its turn comes again)."""
    converted: Count
    """Items converted until then."""
    untouched: Count
    """Items found and not dealt with."""
    seconds: Seconds
    """From begin to end."""

    def message(self) -> str:
        """Say why, and how far it came."""
        done = f"{self.converted} items converted, {self.untouched} untouched"
        return f"pass stopped ({spoken(self.reason)}): {done}"


class PassFailed(PassEvent):
    """A pass could not be done at all, or not in a whole root; it will be tried again."""

    kind: ClassVar = Kind(
        "pass_failed", Level.ERROR, "b0b1d3c7105de2696e0c70708cde0353", "Correct what the reason names."
    )
    reason: Word
    """busy (another pass in the same tree), target (the root cannot be worked on), key or system."""
    errno: Count = 0
    """The error's number, as in errno(3); 0 if it was no system call."""
    detail: Text = ""
    """A sentence."""

    def message(self) -> str:
        """Say why."""
        return f"pass failed: {joined(spoken(self.reason), error_text(self.errno), self.detail)}"
