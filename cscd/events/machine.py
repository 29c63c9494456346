"""Events of the machine key, which wraps the identities of all users."""

from typing import ClassVar

from cscd.events.event import Kind, ServiceEvent
from cscd.events.fields import FileName, Word, spoken
from cscd.events.level import Level


class MachineKeyCreated(ServiceEvent):
    """The machine got a key that wraps the users' identities."""

    kind: ClassVar = Kind(
        "machine_key_created",
        Level.INFO,
        "0670b2089eaff528f1cd9cea68aee8df",
        "Seal it where there is a TPM: `cscd keys machine seal`.",
    )
    path: FileName
    """The root-only file that holds it."""

    def message(self) -> str:
        """Say where it is."""
        return f"machine key created in {self.path}"


class MachineKeySealed(ServiceEvent):
    """The machine key moved from its file into a system credential, which was tried before the file went."""

    kind: ClassVar = Kind("machine_key_sealed", Level.INFO, "f483b4f24397f5329917b96b455fff67", "Nothing.")
    credential: Word
    """The credential's name."""

    def message(self) -> str:
        """Say where it is."""
        return f"machine key sealed as the credential {self.credential}"


class MachineKeyMissing(ServiceEvent):
    """The machine key is not there or cannot be used: identities wrapped by it stay locked."""

    kind: ClassVar = Kind(
        "machine_key_missing",
        Level.ERROR,
        "9f1f0c63a967bb7950193b45a3ab2afe",
        "Restore the key or the credential named; passphrases and recovery still open.",
    )
    source: FileName
    """The file or credential."""
    reason: Word
    """missing, unreadable, unwritable, wrong_owner, readable_by_others, not_regular or damaged."""

    def message(self) -> str:
        """Say which and why."""
        return f"no machine key from {self.source}: {spoken(self.reason)}"
