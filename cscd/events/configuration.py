"""Events of the configuration: read, refused, waiting for a restart."""

from typing import ClassVar

from cscd.events.event import Kind, ServiceEvent
from cscd.events.fields import Count, FileName, Text, Words, joined
from cscd.events.level import Level


class ConfigLoaded(ServiceEvent):
    """The configuration was read, checked and is in force."""

    kind: ClassVar = Kind(
        "config_loaded",
        Level.INFO,
        "a3e3aee468da4a1304abf2ed53353309",
        "Nothing; `cscd config show` prints it.",
    )
    path: FileName
    """The main file."""
    drop_ins: Count
    """Files read over it."""
    changed: Words = ()
    """Keys that differ from the configuration before, at a reload."""

    def message(self) -> str:
        """Say what was read and what changed."""
        changed = f"changed: {joined(*self.changed)}" if self.changed else ""
        return joined(f"{self.path} loaded with {self.drop_ins} drop-ins", changed, by="; ")


class ConfigRejected(ServiceEvent):
    """The configuration has an error; the one that was in force before stays in force."""

    kind: ClassVar = Kind(
        "config_rejected",
        Level.ERROR,
        "3e4bd2581cd8601017a8c5c43d1636e6",
        "Correct the place named, try `cscd config check`, then reload.",
    )
    path: FileName
    """The file."""
    line: Count
    """Counted from 1; 0 if the file as a whole is wrong."""
    column: Count
    """Counted from 1; 0 if unknown."""
    key: Text
    """The key, such as `encryption.policy`; empty if the file as a whole is wrong."""
    problem: Text
    """What is wrong and what was expected."""
    errors: Count
    """How many there are in all; this is the first."""

    def message(self) -> str:
        """Say where and what, as a compiler does."""
        more = f" (and {self.errors - 1} more)" if self.errors > 1 else ""
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        return f"{joined(place, self.key, self.problem, by=': ')}{more}; the configuration before stays"


class ConfigNeedsRestart(ServiceEvent):
    """A setting was changed that only a restart puts in force."""

    kind: ClassVar = Kind(
        "config_needs_restart",
        Level.WARNING,
        "c960f4d00acc8ee97adac363894b6715",
        "Restart when convenient: `systemctl restart cscd`.",
    )
    keys: Words
    """The settings."""

    def message(self) -> str:
        """Say which."""
        return f"in force after a restart only: {joined(*self.keys)}"
