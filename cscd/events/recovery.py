"""Events of recovery: the recipients that can open every file, and whether their key has been tried."""

from typing import ClassVar

from cscd.events.event import Kind, ServiceEvent
from cscd.events.fields import Count, FileName, Word, Words, joined, spoken
from cscd.events.level import Level


class RecoveryMissing(ServiceEvent):
    """Encryption is on and no recovery recipient is set: who loses their key loses their files."""

    kind: ClassVar = Kind(
        "recovery_missing",
        Level.WARNING,
        "fabeca1562a8814b7ec002ce5cf33534",
        "Run `cscd keys recovery-init`, keep the key offline, and set `encryption.recovery_recipients`.",
    )

    def message(self) -> str:
        """Say it loudly."""
        return "encryption is on WITHOUT a recovery recipient: a lost key is a lost cache"


class RecoveryChanged(ServiceEvent):
    """The recovery recipients of the configuration are other ones than before."""

    kind: ClassVar = Kind(
        "recovery_changed",
        Level.INFO,
        "8ab7b784b01351326c1f2881fbe77be2",
        "Run `cscd unencrypt` and `cscd encrypt` to bring older items to the new recipients.",
    )
    recipients: Words
    """The recipients now, which are public."""

    def message(self) -> str:
        """Say which they are now."""
        return f"recovery recipients are now: {joined(*self.recipients) or 'none'}"


class RecoveryDrillPassed(ServiceEvent):
    """The offline recovery key opened a sample of real items."""

    kind: ClassVar = Kind(
        "recovery_drill_passed",
        Level.INFO,
        "f0e357f1a027db64b1081ae84f80e093",
        "Nothing; repeat it from time to time.",
    )
    items: Count
    """Items in the sample."""

    def message(self) -> str:
        """Say how many."""
        return f"the recovery key opens all {self.items} items of the sample"


class RecoveryDrillFailed(ServiceEvent):
    """The offline recovery key did not open some item of the sample: it could not save these files."""

    kind: ClassVar = Kind(
        "recovery_drill_failed",
        Level.ERROR,
        "b5731e19cb2edaddeed7fe1c83c96a8e",
        "Is the key one of `encryption.recovery_recipients`? Run `cscd unencrypt` and"
        " `cscd encrypt`, then the drill again.",
    )
    items: Count
    """Items in the sample."""
    failed: Count
    """Items that did not open."""
    path: FileName
    """The first of them."""
    reason: Word
    """Why that one did not open."""

    def message(self) -> str:
        """Say how many, and which first."""
        opened = self.items - self.failed
        reason = spoken(self.reason)
        return f"the recovery key opens {opened} of {self.items} items; not {self.path}: {reason}"
