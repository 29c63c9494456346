"""Events of the cache-wide state: what it is, who asked to change it, and what came of that."""

from typing import ClassVar

from cscd.events.event import Kind, ServiceEvent, UserEvent
from cscd.events.fields import Count, Seconds, Text, Word, Words, joined, spoken
from cscd.events.level import Level


class StateChanged(ServiceEvent):
    """The cache-wide encryption state is another one; every user's items follow."""

    kind: ClassVar = Kind(
        "state_changed",
        Level.INFO,
        "02197ce0579aa9998d4bab2a0573819c",
        "Nothing; passes convert what differs.",
    )
    before: Word
    """encrypted or unencrypted."""
    after: Word
    """encrypted or unencrypted."""
    reason: Word
    """call (of Encrypt) or policy."""
    caller: Word = ""
    """The name of the user who called."""

    def message(self) -> str:
        """Say from what to what, and by whom."""
        return f"cache-wide state: {self.before} -> {self.after} ({joined(self.reason, self.caller)})"


class EncryptionChanged(ServiceEvent):
    """What GetEncryptionStatus answers has changed; the signal of the same name was sent."""

    kind: ClassVar = Kind("encryption_changed", Level.INFO, "9be1b103ee2dd99dbe490d4891bef823", "Nothing.")
    was_encrypted: bool
    """The state before."""
    was_partial: bool
    """Whether some item was not in it."""
    is_encrypted: bool
    """The state now."""
    is_partial: bool
    """Whether some item is not in it."""

    def message(self) -> str:
        """Say from what to what."""
        before = _status(encrypted=self.was_encrypted, partial=self.was_partial)
        return f"cache is {_status(encrypted=self.is_encrypted, partial=self.is_partial)}, was {before}"


class PolicyChanged(ServiceEvent):
    """Another encryption policy is in force."""

    kind: ClassVar = Kind(
        "policy_changed",
        Level.INFO,
        "bf4f2008b547846b06891fc03e01c3a1",
        "Nothing; a set policy overrides every call.",
    )
    before: Word
    """encrypted, unencrypted or user-controlled."""
    after: Word
    """encrypted, unencrypted or user-controlled."""

    def message(self) -> str:
        """Say from what to what."""
        return f"policy: {self.before} -> {self.after}"


class EncryptCalled(UserEvent):
    """The user called Encrypt."""

    kind: ClassVar = Kind(
        "encrypt_called", Level.INFO, "0c1a0422af31a89c96a20b24d14294a3", "Nothing; encrypt_finished follows."
    )
    goal: Word
    """encrypted or unencrypted."""
    flags: Words
    """The flags by name, such as Background."""
    flag_bits: Count
    """All bits that were given, also undefined ones."""
    for_user: Word = ""
    """The user whose items are meant, where it is not the caller."""

    def message(self) -> str:
        """Say what was asked for."""
        flags = joined(*self.flags) or "no flags"
        other = f" for {self.for_user}" if self.for_user else ""
        return f"Encrypt called{other}: to {self.goal}, {flags} ({self.flag_bits:#x})"


class EncryptFinished(UserEvent):
    """A call of Encrypt was answered."""

    kind: ClassVar = Kind(
        "encrypt_finished",
        Level.INFO,
        "09058de06269613c340d5fd6719f4a8c",
        "Nothing if the code is 0; else repeating the call finishes the work.",
    )
    goal: Word
    """encrypted or unencrypted."""
    code: Count
    """The Win32 error code that was returned."""
    result: Word
    """The code's name."""
    seconds: Seconds
    """From call to answer."""

    def message(self) -> str:
        """Say what was answered."""
        return f"Encrypt to {self.goal} answered {self.result} ({self.code}) after {self.seconds:.1f} s"


class EncryptRefused(UserEvent):
    """A call of Encrypt was refused; nothing was changed."""

    kind: ClassVar = Kind(
        "encrypt_refused",
        Level.WARNING,
        "2ce9254f09fbc3cef7ddbeac4f93e848",
        "If the user should be able to: change `encryption.policy`, or polkit's rules.",
    )
    goal: Word
    """encrypted or unencrypted."""
    code: Count
    """The Win32 error code that was returned."""
    reason: Word
    """policy, not_authorized, dialog_dismissed, no_agent, bad_flags, unknown_user or not_served."""
    policy: Word
    """The policy in force."""

    def message(self) -> str:
        """Say why."""
        return f"Encrypt to {self.goal} refused ({self.code}): {spoken(self.reason)}; policy {self.policy}"


class EncryptSuperseded(UserEvent):
    """A call of Encrypt was cancelled because the same user asked for the opposite meanwhile."""

    kind: ClassVar = Kind("encrypt_superseded", Level.INFO, "fe0af6f45793381259c156c722234e89", "Nothing.")
    goal: Word
    """What the cancelled call had asked for."""

    def message(self) -> str:
        """Say which."""
        return f"Encrypt to {self.goal} superseded by a later call"


class AuthorizationGranted(UserEvent):
    """polkit let the user do what needs an administrator."""

    kind: ClassVar = Kind("authorization_granted", Level.INFO, "a74d7a886e5c2b53ec52fd9f138b9b5b", "Nothing.")
    action: Word
    """The action's id."""
    interactive: bool
    """Whether a dialog was allowed."""

    def message(self) -> str:
        """Say what was granted."""
        return f"authorized: {self.action}"


class AuthorityUnavailable(ServiceEvent):
    """polkit could not be asked: only root may do what needs an administrator."""

    kind: ClassVar = Kind(
        "authority_unavailable",
        Level.WARNING,
        "1f8c32db94a840c9aeb760f65d2c00de",
        "Install polkit, see `systemctl status polkit`, or call as root.",
    )
    error: Text
    """What polkit, the bus or the system said."""

    def message(self) -> str:
        """Say why."""
        return f"polkit cannot be asked, so that only root may: {self.error}"


class SinkTimedOut(UserEvent):
    """A caller's progress sink did not answer in time and is no longer asked."""

    kind: ClassVar = Kind(
        "sink_timed_out",
        Level.WARNING,
        "444645997125079f0d32a331d2f47511",
        "Look at the calling program; its operation goes on or ends as configured.",
    )
    operation: Word
    """Begin, ItemBegin, ItemResult, QueryAbort or End."""
    seconds: Seconds
    """How long it was waited for."""
    then: Word
    """continue or abort."""

    def message(self) -> str:
        """Say in which operation, and what follows."""
        return f"progress sink silent for {self.seconds:.0f} s in {self.operation}; {self.then}"


class CallerLimited(UserEvent):
    """A caller on the bus asked for more than is granted and was turned away."""

    kind: ClassVar = Kind(
        "caller_limited",
        Level.WARNING,
        "563e1fa8a155ceb0e1389f9e7284603f",
        "Look at what this user's programs do; others are not affected.",
    )
    reason: Word
    """rate, calls_at_once, message_size or malformed."""
    detail: Text = ""
    """What exceeded what."""

    def message(self) -> str:
        """Say why."""
        return f"caller turned away: {joined(spoken(self.reason), self.detail)}"


def _status(*, encrypted: bool, partial: bool) -> str:
    return joined("encrypted" if encrypted else "unencrypted", "partial" if partial else "")
