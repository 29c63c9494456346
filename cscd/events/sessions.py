"""Events of sessions: who logged on and off, and how that is seen."""

from typing import ClassVar

from cscd.events.event import Kind, ServiceEvent, UserEvent
from cscd.events.fields import Count, FileName, Seconds, Text, Word, spoken
from cscd.events.level import Level


class SessionSourceChanged(ServiceEvent):
    """Logons are seen through this source from now on."""

    kind: ClassVar = Kind(
        "session_source_changed", Level.INFO, "6ddb64dac7451ab103f18598be6d4e25", "Nothing."
    )
    source: Word
    """logind, runtime-directory or self (one user, no service)."""
    reason: Word
    """Why this one: configured, automatic, restored or fallback."""

    def message(self) -> str:
        """Say which."""
        return f"logons are seen through {self.source} ({spoken(self.reason)})"


class SessionSourceLost(ServiceEvent):
    """The source of logons failed; another one takes its place, and everybody is listed anew."""

    kind: ClassVar = Kind(
        "session_source_lost",
        Level.WARNING,
        "b0a119163fdcc6c550d4017a3c7fb1f2",
        "See `systemctl status systemd-logind dbus`; no logon is missed.",
    )
    source: Word
    """The source that failed."""
    error: Text
    """How it failed."""

    def message(self) -> str:
        """Say which and how."""
        return f"logons are no longer seen through {self.source}: {self.error}"


class SessionsListed(ServiceEvent):
    """All sessions were listed anew, so that none is missed that began or ended unseen."""

    kind: ClassVar = Kind("sessions_listed", Level.INFO, "d98dd876ffc4352a1e5a2e08f6cce504", "Nothing.")
    reason: Word
    """start, reconnect, resume (after suspend) or reload."""
    users: Count
    """Users that are logged on."""
    opened: Count
    """Sessions that were found to have begun."""
    closed: Count
    """Sessions that were found to have ended."""

    def message(self) -> str:
        """Say how many."""
        return f"{self.users} users logged on ({self.reason}): {self.opened} sessions new, {self.closed} gone"


class SessionOpened(UserEvent):
    """The user logged on; the first session starts the worker and a pass."""

    kind: ClassVar = Kind("session_opened", Level.INFO, "1a392e1ef988820eb761b180e6482cf8", "Nothing.")
    session: Word
    """logind's id of it."""
    session_class: Word
    """logind's class of it, such as user."""
    sessions: Count
    """The user's sessions now."""

    def message(self) -> str:
        """Say which."""
        return f"session {self.session} opened ({self.session_class}); {self.sessions} open now"


class SessionClosed(UserEvent):
    """The user logged off; the last session is followed by the last pass."""

    kind: ClassVar = Kind("session_closed", Level.INFO, "3549c04a47e6e033aab7f75d135723b5", "Nothing.")
    session: Word
    """logind's id of it."""
    sessions: Count
    """The user's sessions now."""

    def message(self) -> str:
        """Say which."""
        return f"session {self.session} closed; {self.sessions} open now"


class SessionIgnored(UserEvent):
    """A session does not count, by the rules of the configuration."""

    kind: ClassVar = Kind(
        "session_ignored",
        Level.DEBUG,
        "32095b6d0f7d33847715a48a5e87cb03",
        "Change `sessions` in the configuration if it should.",
    )
    session: Word
    """logind's id of it."""
    reason: Word
    """The rule: class, user, group or min_uid."""

    def message(self) -> str:
        """Say which and why."""
        return f"session {self.session} does not count: {self.reason}"


class RootAwaited(UserEvent):
    """A root of the user's cache is not there yet, as when a home is mounted late; it is waited for."""

    kind: ClassVar = Kind(
        "root_awaited",
        Level.INFO,
        "abf6c6d32a126ad67ece755c8e284630",
        "Nothing if the directory comes; else correct `cache.roots`, or make it.",
    )
    path: FileName
    """The root."""
    reason: Word
    """missing, unmounted, no_permission or not_a_directory."""

    def message(self) -> str:
        """Say which and why."""
        return f"waiting for {self.path}: {spoken(self.reason)}"


class RootFound(UserEvent):
    """A root of the user's cache that was waited for is there now, and gets a pass."""

    kind: ClassVar = Kind("root_found", Level.INFO, "9adf5c07706e8edabaef1b53c7726a4b", "Nothing.")
    path: FileName
    """The root."""
    seconds: Seconds
    """How long it was waited for."""

    def message(self) -> str:
        """Say which."""
        return f"{self.path} is there, after {self.seconds:.0f} s"
