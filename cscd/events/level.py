"""How much an event matters: the closed list of levels, and what syslog and the journal call them."""

from enum import IntEnum
from typing import Self


class Level(IntEnum):
    """The value is the syslog priority (syslog(3)): the lower, the graver."""

    CRITICAL = 2
    """cscd itself is broken."""
    ERROR = 3
    """Something that protects the users' files does not work until somebody does something about it."""
    WARNING = 4
    """Something failed; cscd goes on, and says whether it tries again."""
    INFO = 6
    """What an administrator asks about afterwards: who, when, which item, why."""
    DEBUG = 7
    """Every single success."""

    @property
    def label(self) -> str:
        """Its name in logs, settings and options: ``warning``."""
        return self.name.lower()

    @property
    def letter(self) -> str:
        """One letter for the console: ``W``."""
        return self.name[0]

    @classmethod
    def named(cls, label: str) -> Self:
        """Return the level of a name, whatever its case. Raises ValueError for a name that is none."""
        try:
            return cls[label.upper()]
        except KeyError:
            known = ", ".join(level.label for level in cls)
            raise ValueError(f"{label!r} is not one of the levels {known}") from None

    @classmethod
    def of_priority(cls, priority: int) -> Self:
        """Return the level of a syslog priority, 0 to 7; the next graver one where we have none (notice)."""
        return next((level for level in sorted(cls, reverse=True) if level <= priority), cls.CRITICAL)
