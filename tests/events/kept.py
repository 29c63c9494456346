"""A sink that keeps what it is given, and can be out of order."""

from dataclasses import dataclass, field

from cscd.events.record import Record


@dataclass(slots=True)
class Kept:
    """Records in memory."""

    name: str = "memory"
    records: list[Record] = field(default_factory=list)
    error: OSError | None = None
    """What every write raises, None while the sink works."""
    closed: bool = False
    reopened: int = 0

    def write(self, record: Record) -> None:
        """Keep a record, or fail."""
        if self.error:
            raise self.error
        self.records.append(record)

    def reopen(self) -> None:
        """Count, or fail."""
        if self.error:
            raise self.error
        self.reopened += 1

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    @property
    def names(self) -> list[str]:
        """The names of the events kept."""
        return [record.event for record in self.records]
