"""Events of items: the files of the cache, each with its path.

An item that is left alone tells its story in three events: `item_skipped` or `item_failed` whenever it is
tried, `item_retry_scheduled` for the next try, and `item_resolved` once it needs none any more.
"""

from typing import ClassVar

from cscd.events.event import Kind, UserEvent
from cscd.events.fields import Count, FileName, Holders, Seconds, Text, Word, error_text, joined, spoken
from cscd.events.level import Level


class ItemEncrypted(UserEvent):
    """An item was encrypted."""

    kind: ClassVar = Kind("item_encrypted", Level.DEBUG, "e1f0393bfa6c5c48ec2da733cc6edabf", "Nothing.")
    path: FileName
    """The item."""
    size: Count
    """Bytes of its content."""

    def message(self) -> str:
        """Say which."""
        return f"{self.path}: encrypted, {self.size} bytes"


class ItemUnencrypted(UserEvent):
    """An item was unencrypted."""

    kind: ClassVar = Kind("item_unencrypted", Level.DEBUG, "6bdb02e1f1dae5c03a3f1d375c9f63fb", "Nothing.")
    path: FileName
    """The item."""
    size: Count
    """Bytes of its content."""

    def message(self) -> str:
        """Say which."""
        return f"{self.path}: unencrypted, {self.size} bytes"


class ItemRekeyed(UserEvent):
    """An encrypted item has a new header for the current recipients; its content was not touched."""

    kind: ClassVar = Kind("item_rekeyed", Level.DEBUG, "89a07fa9d0efc1ccb5cb81ee52612535", "Nothing.")
    path: FileName
    """The item."""
    size: Count
    """Bytes of the file."""

    def message(self) -> str:
        """Say which."""
        return f"{self.path}: rekeyed, {self.size} bytes"


class ItemSkipped(UserEvent):
    """An item is left as it is for now, for the reason given."""

    kind: ClassVar = Kind(
        "item_skipped",
        Level.INFO,
        "842e19d701638ccdfc6e578f07b7ffb6",
        "Nothing: it is tried again; or close it in the program that holds it.",
    )
    path: FileName
    """The item."""
    reason: Word
    """Why, such as open_elsewhere; `docs/command-line.md` lists them."""
    holders: Holders = ()
    """Who has it open, as far as the worker may see."""
    attempt: Count = 1
    """Which try this was."""
    detail: Text = ""
    """What else is known."""

    def message(self) -> str:
        """Say which, why, and who holds it."""
        held = f"by {joined(*self.holders)}" if self.holders else ""
        attempt = f"try {self.attempt}" if self.attempt > 1 else ""
        return (
            f"{self.path}: skipped, {joined(joined(spoken(self.reason), held, by=' '), self.detail, attempt)}"
        )


class ItemFailed(UserEvent):
    """An item could not be brought into the cache-wide state, and stays as it was."""

    kind: ClassVar = Kind(
        "item_failed",
        Level.WARNING,
        "a5ae98dcb9d2610f8f5740a39443189b",
        "Correct what the reason names; the next pass tries it again.",
    )
    path: FileName
    """The item."""
    reason: Word
    """Why, such as io_error, damaged or hard_linked; `docs/command-line.md` lists them."""
    errno: Count = 0
    """The error's number, as in errno(3); 0 if it was no system call."""
    attempt: Count = 1
    """Which try this was."""
    detail: Text = ""
    """What else is known."""

    def message(self) -> str:
        """Say which and why."""
        return f"{self.path}: failed, {joined(spoken(self.reason), error_text(self.errno), self.detail)}"


class ItemRetryScheduled(UserEvent):
    """An item that was left alone will be tried again, at the latest after this time."""

    kind: ClassVar = Kind("item_retry_scheduled", Level.INFO, "eff16750aabdc158c0f8c8359b45534c", "Nothing.")
    path: FileName
    """The item."""
    reason: Word
    """Why it was left alone."""
    attempt: Count
    """Which try comes next."""
    retry_seconds: Seconds
    """The time until then; it comes earlier if whoever holds the item closes it."""

    def message(self) -> str:
        """Say which and when."""
        return f"{self.path}: try {self.attempt} in {self.retry_seconds:.0f} s, or once it is closed"


class ItemResolved(UserEvent):
    """An item that was left alone before is right now, or is gone."""

    kind: ClassVar = Kind("item_resolved", Level.INFO, "cc6b19389040837b942f38fc8967ee75", "Nothing.")
    path: FileName
    """The item."""
    outcome: Word
    """encrypted, unencrypted, rekeyed, right, gone or excluded."""
    reason: Word
    """Why it had been left alone."""
    attempts: Count
    """How often it was tried."""
    seconds: Seconds
    """Since it was left alone for the first time."""

    def message(self) -> str:
        """Say which, and how long it took."""
        after = f"after {self.seconds:.0f} s and {self.attempts} tries"
        return f"{self.path}: {self.outcome} now, {after} (was: {spoken(self.reason)})"


class LeftoversRemoved(UserEvent):
    """Temporary files of a conversion that was killed were recognised and removed; no item was touched."""

    kind: ClassVar = Kind("leftovers_removed", Level.INFO, "eb487e566a3f296a45c04690ef61d3f5", "Nothing.")
    path: FileName
    """The root."""
    count: Count
    """Files removed."""

    def message(self) -> str:
        """Say how many."""
        return f"{self.path}: {self.count} leftovers of a killed conversion removed"


class IndexRebuilt(UserEvent):
    """The index of items known to be right was lost or damaged; a full recheck makes it anew."""

    kind: ClassVar = Kind(
        "index_rebuilt",
        Level.WARNING,
        "8d859145e04c39a7f1dcc4e7de287c0e",
        "Nothing, if it does not repeat; else look at the disk.",
    )
    path: FileName
    """The root it is for."""
    reason: Word
    """missing, damaged or another_version."""

    def message(self) -> str:
        """Say why."""
        return f"{self.path}: index {spoken(self.reason)}, built anew"
