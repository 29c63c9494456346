"""Events of the log itself: what it left out, and what it could not write."""

from typing import ClassVar

from cscd.events.event import Event, Kind
from cscd.events.fields import Count, Seconds, Text, Word, spoken
from cscd.events.level import Level


class Suppressed(Event):
    """The same event came so often for the same reason and user that it was counted instead of written."""

    kind: ClassVar = Kind(
        "suppressed",
        Level.INFO,
        "adf5de76479f88f62dda499c0c4f6a48",
        "See `cscd status` for all items concerned; the first of them are in the log before this.",
    )
    suppressed_event: Word
    """The name of the event that was not written."""
    reason: Word = ""
    """The reason that they all had; absent where the event has none."""
    count: Count
    """How many were not written."""
    seconds: Seconds
    """The time in which they came."""

    def message(self) -> str:
        """Say how many were left out."""
        reason = f" ({spoken(self.reason)})" if self.reason else ""
        return f"{self.count} more of {self.suppressed_event}{reason} in {self.seconds:.0f} s"


class Dropped(Event):
    """A log could not be written to for a while, so that some events are missing in it."""

    kind: ClassVar = Kind(
        "dropped",
        Level.WARNING,
        "7777b2bfd50cab1665ccf19d5c49123c",
        "Make room, or see why the journal was not there or not reading; nothing else has suffered.",
    )
    sink: Word
    """Where they are missing: journal, file, stdout or console."""
    count: Count
    """How many are missing."""
    error: Text
    """Why the first of them could not be written."""

    def message(self) -> str:
        """Say how many are missing where."""
        return f"{self.count} events are missing in the {self.sink} log: {self.error}"
