"""Where records go, and what happens when they cannot: nothing but a count.

No sink waits. What it cannot take at once it refuses with an OSError; then `Guard` counts, and says how many
are missing, in a `dropped` event, as soon as the sink takes something again.
"""

import contextlib
from typing import Protocol

from cscd.events.fields import error_text
from cscd.events.notices import Dropped
from cscd.events.record import Context, Record


class Sink(Protocol):
    """One place for records."""

    @property
    def name(self) -> str:
        """What it is called in `dropped` events: journal, file, stdout or console."""

    def write(self, record: Record) -> None:
        """Write a record without waiting. Raises OSError if it is lost."""

    def reopen(self) -> None:
        """Open what lies at its path now, as after a rotation. Raises OSError."""

    def close(self) -> None:
        """Let go of its descriptors; it is not used any more."""


class Guard:
    """A sink whose errors harm nobody."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.lost = 0
        """Records lost since the sink worked last."""
        self.error: OSError | None = None
        """Why the first of them was."""

    def write(self, record: Record) -> None:
        """Write a record, and before it how many were lost."""
        try:
            if self.lost:
                self._sink.write(self._dropped(record.time_us))
                self.lost = 0
            self._sink.write(record)
        except OSError as error:
            if not self.lost:
                self.error = error
            self.lost += 1

    def reopen(self) -> None:
        """Open it anew; what it was before stays in use if that fails."""
        try:
            self._sink.reopen()
        except OSError as error:
            self.error = error

    def close(self, time_us: int) -> None:
        """Let go of it, saying first how many were lost, if it can still be told."""
        with contextlib.suppress(OSError):
            if self.lost:
                self._sink.write(self._dropped(time_us))
        self._sink.close()

    def _dropped(self, time_us: int) -> Record:
        number = self.error.errno if self.error else None
        error = error_text(number) or str(self.error)
        return Record.of(Dropped(sink=self._sink.name, count=self.lost, error=error), Context(), time_us)
