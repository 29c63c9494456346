"""Which records of the log somebody asks for."""

from dataclasses import dataclass
from datetime import datetime

from cscd.events.level import Level
from cscd.events.notices import Suppressed
from cscd.events.record import Record

_MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a record must be like; None stands for any."""

    user: str | None = None
    """The user's name, as the log has it."""
    event: str | None = None
    """The event's name; what was counted instead of written belongs to it."""
    level: Level = Level.DEBUG
    """The finest level."""
    since: datetime | None = None
    """The earliest time."""
    until: datetime | None = None
    """The latest time."""
    pass_id: str | None = None
    """The pass."""

    def has(self, record: Record) -> bool:
        """Return whether a record is asked for."""
        context = record.context
        return (
            (self.user is None or context.user == self.user)
            and (self.pass_id is None or context.pass_id == self.pass_id)
            and (self.event is None or self.event in (record.event, _counted(record)))
            and record.level <= self.level
            and (self.since is None or record.time_us >= microseconds(self.since))
            and (self.until is None or record.time_us <= microseconds(self.until))
        )


def microseconds(moment: datetime) -> int:
    """Return a time as a record has it."""
    return round(moment.timestamp() * _MICRO)


def _counted(record: Record) -> object:
    """Return the name of the event that a record counts, None if it counts none."""
    return record.fields.get("suppressed_event") if record.event == Suppressed.kind.name else None
