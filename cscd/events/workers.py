"""Events of workers and their watches: who works for a user, and whether new items are seen."""

from typing import ClassVar

from cscd.events.event import Kind, ServiceEvent, UserEvent
from cscd.events.fields import Count, FileName, Seconds, Text, Word, joined, spoken
from cscd.events.level import Level


class WorkerStarted(UserEvent):
    """A process works for the user, with that user's rights and no others."""

    kind: ClassVar = Kind("worker_started", Level.INFO, "9a174e6e016f7d488bddde851897d921", "Nothing.")
    worker_pid: Count
    """Its process id."""
    seconds: Seconds
    """From the request until it was ready."""

    def message(self) -> str:
        """Say which."""
        return f"worker {self.worker_pid} ready in {self.seconds * 1000:.0f} ms"


class WorkerExited(UserEvent):
    """The user's worker ended as it was asked to."""

    kind: ClassVar = Kind("worker_exited", Level.INFO, "dc83f4f2cb3ae3a977173c43b7f772f7", "Nothing.")
    worker_pid: Count
    """Its process id."""
    seconds: Seconds
    """How long it ran."""

    def message(self) -> str:
        """Say which."""
        return f"worker {self.worker_pid} ended after {self.seconds:.0f} s"


class WorkerFailed(UserEvent):
    """The user's worker died, hung or misbehaved and was ended; others did not notice."""

    kind: ClassVar = Kind(
        "worker_failed",
        Level.WARNING,
        "46c12ecb5c82a577ef8b167cb043776a",
        "It is started again by itself; if it repeats, look at what this user's processes do.",
    )
    worker_pid: Count
    """Its process id."""
    reason: Word
    """exited, killed, hung, flooded, malformed (what it sent), out_of_memory or not_confined."""
    detail: Text = ""
    """The exit code, the signal, or what was wrong with what it sent."""
    restart_seconds: Seconds
    """The time until it is started again."""

    def message(self) -> str:
        """Say how, and what follows."""
        why = joined(spoken(self.reason), self.detail)
        return f"worker {self.worker_pid} failed: {why}; started again in {self.restart_seconds:.1f} s"


class WorkerAbandoned(UserEvent):
    """The user's worker failed so often that it is not started again before the next logon."""

    kind: ClassVar = Kind(
        "worker_abandoned",
        Level.ERROR,
        "d25eebaf03f27aed5cfb6e4e77fa69f9",
        "See the worker_failed events before; `systemctl restart cscd` tries again.",
    )
    failures: Count
    """How often it failed."""

    def message(self) -> str:
        """Say how often."""
        return (
            f"worker failed {self.failures} times; this user's items are not kept right until the next logon"
        )


class WatchDegraded(UserEvent):
    """New items may have been missed for a while; a recheck finds them."""

    kind: ClassVar = Kind(
        "watch_degraded",
        Level.WARNING,
        "011a646cdf5b3ce68e8e8862d1ad074e",
        "Nothing for a single overflow; for a limit, raise `fs.inotify.max_user_watches` (sysctl).",
    )
    reason: Word
    """overflow, limit (of watches), died, or unsupported (by the filesystem)."""
    path: FileName
    """The root concerned."""
    unwatched: Count = 0
    """Directories that are not watched."""
    recheck_seconds: Seconds
    """The time until the recheck."""

    def message(self) -> str:
        """Say why, and when the recheck comes."""
        unwatched = f"{self.unwatched} directories unwatched" if self.unwatched else ""
        recheck = f"recheck in {self.recheck_seconds:.0f} s"
        return f"watching {self.path}: {joined(spoken(self.reason), unwatched, recheck)}"


class WatchRestored(UserEvent):
    """A root is watched completely again."""

    kind: ClassVar = Kind("watch_restored", Level.INFO, "acd5ed350f61a1120b4407fea4fc8588", "Nothing.")
    path: FileName
    """The root."""
    directories: Count
    """Directories that are watched."""

    def message(self) -> str:
        """Say how many."""
        return f"watching {self.path} again, {self.directories} directories"


class ForkServerRestarted(ServiceEvent):
    """The process that workers are forked from had ended and was started again."""

    kind: ClassVar = Kind(
        "fork_server_restarted",
        Level.WARNING,
        "16b20799bddd028f29ccbc943895e60a",
        "If it repeats, look for its cause in the journal (`dmesg` shows whether memory ran out).",
    )
    reason: Word
    """How it ended: a signal or an exit code."""
    workers: Count
    """Workers that ended with it and are started again."""

    def message(self) -> str:
        """Say how it ended."""
        return f"fork server ended ({self.reason}) with {self.workers} workers; started again"
