"""Events of keys. None of them can hold one: a key is named by its id, which is public."""

from typing import ClassVar

from cscd.events.event import Kind, UserEvent
from cscd.events.fields import Count, FileName, Text, Word, Words, error_text, joined, spoken
from cscd.events.level import Level


class KeyCreated(UserEvent):
    """The user got a new identity; its public half encrypts from now on."""

    kind: ClassVar = Kind(
        "key_created",
        Level.INFO,
        "63a026733012ddefd6c4096b059e18b0",
        "Nothing; the recovery recipients open the files, too.",
    )
    key_id: Word
    """Names it."""
    protectors: Words
    """What it is wrapped by: machine, passphrase."""

    def message(self) -> str:
        """Say which."""
        return f"key {self.key_id} created, wrapped by {joined(*self.protectors)}"


class KeyAwaited(UserEvent):
    """The user has no key, and the first passphrase is to make it; until then nothing is encrypted."""

    kind: ClassVar = Kind(
        "key_awaited",
        Level.WARNING,
        "a6f0c2b1d3e84f57b90d1c7e52f4a8d6",
        "The user logs on with a password (docs/pam.md) or runs `cscd keys passphrase`.",
    )

    def message(self) -> str:
        """Say what is awaited."""
        return "no key yet: the first passphrase makes it, and nothing is encrypted until then"


class KeyUnlocked(UserEvent):
    """The user's identity can be used: items can be unencrypted and read."""

    kind: ClassVar = Kind("key_unlocked", Level.INFO, "fb87df7bc7acf1790815531cc4ead4de", "Nothing.")
    key_id: Word
    """Names it."""
    protector: Word
    """What opened it: machine or passphrase."""
    reason: Word
    """Who asked: logon, dialog, terminal or command."""

    def message(self) -> str:
        """Say by what."""
        return f"key {self.key_id} unlocked by {self.protector} ({self.reason})"


class KeyLocked(UserEvent):
    """The user's identity was forgotten; encrypting goes on, unencrypting waits."""

    kind: ClassVar = Kind(
        "key_locked",
        Level.INFO,
        "63cd6b395a197a69193d0de79c835c09",
        "Nothing; log on or run `cscd keys unlock` to use it.",
    )
    key_id: Word
    """Names it."""
    reason: Word
    """logoff, suspend, command, service_stopping, no_session (nobody logged on after the unlocking) or
    holder_failed (the process that had it was killed)."""

    def message(self) -> str:
        """Say why."""
        return f"key {self.key_id} locked ({self.reason})"


class KeyUnlockFailed(UserEvent):
    """The user's identity could not be unlocked; encrypting goes on, unencrypting waits."""

    kind: ClassVar = Kind(
        "key_unlock_failed",
        Level.WARNING,
        "39e5155193ea325b579719c001d06d65",
        "See the reason; `cscd keys unlock` tries again, the recovery key always opens.",
    )
    key_id: Word
    """Names it."""
    protector: Word
    """What should have opened it: machine or passphrase."""
    reason: Word
    """wrong_passphrase, no_machine_key, damaged, cancelled, timed_out or too_many_tries."""

    def message(self) -> str:
        """Say why."""
        return f"key {self.key_id} not unlocked by {self.protector}: {spoken(self.reason)}"


class KeyWrappingStale(UserEvent):
    """The logon password no longer opens the user's identity, as after a reset by root."""

    kind: ClassVar = Kind(
        "key_wrapping_stale",
        Level.WARNING,
        "d1e90f7cad00f140c724b3349b2be4d0",
        "The user runs `cscd keys passphrase`; with the machine wrapping it heals by itself.",
    )
    key_id: Word
    """Names it."""
    healed: bool
    """Whether it was wrapped under the new password at once."""

    def message(self) -> str:
        """Say whether it was mended."""
        healed = "wrapped anew" if self.healed else "the old passphrase or recovery is needed"
        return f"key {self.key_id} is wrapped under an old password: {healed}"


class KeyWrappingChanged(UserEvent):
    """The user's identity is wrapped in another way."""

    kind: ClassVar = Kind("key_wrapping_changed", Level.INFO, "7f2f0677e67b189d1a70bb24df5c054e", "Nothing.")
    key_id: Word
    """Names it."""
    protectors: Words
    """What it is wrapped by now: machine, passphrase."""
    reason: Word
    """command or password_change."""

    def message(self) -> str:
        """Say how it is wrapped now."""
        return f"key {self.key_id} is now wrapped by {joined(*self.protectors)} ({spoken(self.reason)})"


class KeyRotated(UserEvent):
    """The user has a new identity; the old one is kept, for the items that need it."""

    kind: ClassVar = Kind(
        "key_rotated",
        Level.INFO,
        "86977f65f081b41fb1007e7ae4c92bba",
        "Run `cscd unencrypt` and `cscd encrypt` to bring older items to the new key.",
    )
    before: Word
    """The id of the old key."""
    key_id: Word
    """The id of the new key."""

    def message(self) -> str:
        """Say from which to which."""
        return f"key rotated: {self.before} -> {self.key_id}"


class KeyRetired(UserEvent):
    """No item needs an old identity any more; it was put away."""

    kind: ClassVar = Kind("key_retired", Level.INFO, "3ab202da7589c9012a7c7f759ef0e967", "Nothing.")
    key_id: Word
    """Names it."""

    def message(self) -> str:
        """Say which."""
        return f"key {self.key_id} retired: no item needs it"


class KeyExported(UserEvent):
    """The user's identity was written to a file outside of the service's care."""

    kind: ClassVar = Kind(
        "key_exported",
        Level.WARNING,
        "f178f8ada7cab09dbe57c2caa278fbc0",
        "Make sure that the user wanted it, and where the copy is.",
    )
    key_id: Word
    """Names it."""

    def message(self) -> str:
        """Say which."""
        return f"key {self.key_id} exported"


class KeyImported(UserEvent):
    """An identity from a file became the user's."""

    kind: ClassVar = Kind("key_imported", Level.INFO, "cc5c651d8eaae85d10ad060b3ba24240", "Nothing.")
    key_id: Word
    """Names it."""

    def message(self) -> str:
        """Say which."""
        return f"key {self.key_id} imported"


class KeyFileRefused(UserEvent):
    """A file that should hold the user's identity must not be used as it stands."""

    kind: ClassVar = Kind(
        "key_file_refused",
        Level.ERROR,
        "05bae7dc3a4ccc359cb611316853019f",
        "Correct its owner and mode, or restore it from a backup.",
    )
    path: FileName
    """The file."""
    reason: Word
    """wrong_owner, readable_by_others, not_regular, damaged, swapped, missing, unreadable or unwritable."""
    errno: Count = 0
    """The error's number, as in errno(3); 0 if it was no system call."""
    detail: Text = ""
    """What else is known."""

    def message(self) -> str:
        """Say which and why."""
        return f"{self.path} refused: {joined(spoken(self.reason), error_text(self.errno), self.detail)}"
