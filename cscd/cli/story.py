"""What became of items that were left alone, told from the log: why, who held them, are they right now?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cscd.events.items import (
    ItemEncrypted,
    ItemFailed,
    ItemResolved,
    ItemRetryScheduled,
    ItemSkipped,
    ItemUnencrypted,
)
from cscd.events.record import Record

_LEFT: Final = (ItemSkipped.kind.name, ItemFailed.kind.name)
_RIGHT: Final = (ItemResolved.kind.name, ItemEncrypted.kind.name, ItemUnencrypted.kind.name)

MOST: Final = 10_000
"""Items told; more cannot be read, and their memory would be unbounded."""


@dataclass(slots=True)
class Story:
    """One item of one user."""

    user: str
    path: str
    """As the log has it: escaped."""
    first: Record
    """When it was left alone for the first time."""
    last: Record
    """When it was left alone for the last time."""
    tries: int = 1
    """How often it was left alone."""
    next_us: int | None = None
    """When it is tried again at the latest, microseconds since 1970; None if that is not known."""
    right: Record | None = None
    """When it became right, None if it did not."""

    @property
    def reason(self) -> str:
        """Why it was left alone the last time."""
        return str(self.last.fields.get("reason", ""))

    @property
    def holders(self) -> list[str]:
        """Who had it open the last time."""
        found = self.last.fields.get("holders", [])
        if not isinstance(found, list):
            return []
        return [
            f"{holder.get('command')}[{holder.get('pid')}]" for holder in found if isinstance(holder, dict)
        ]


class Stories:
    """The items of a log, by user and path."""

    def __init__(self) -> None:
        self._stories: dict[tuple[str, str], Story] = {}
        self.untold = 0
        """Events of items that are not among the stories: counted by the log itself, or beyond `MOST`."""

    def read(self, records: Iterable[Record]) -> None:
        """Take in records, oldest first."""
        for record in records:
            self._add(record)

    def told(self) -> Iterator[Story]:
        """Yield the stories, those first that have not ended well, by user and path."""
        return iter(
            sorted(
                self._stories.values(),
                key=lambda story: (story.right is not None, story.user, story.path),
            )
        )

    def _add(self, record: Record) -> None:
        if record.event == "suppressed" and record.fields.get("suppressed_event") in _LEFT:
            self.untold += _whole(record.fields.get("count"))
        key = (record.context.user or "", str(record.fields.get("path", "")))
        story = self._stories.get(key)
        if record.event in _LEFT:
            self._leave(key, story, record)
        elif story and record.event in _RIGHT:
            story.right = record
        elif story and record.event == ItemRetryScheduled.kind.name:
            seconds = record.fields.get("retry_seconds")
            if isinstance(seconds, (int, float)):
                story.next_us = record.time_us + round(seconds * 1_000_000)

    def _leave(self, key: tuple[str, str], story: Story | None, record: Record) -> None:
        if story:
            story.last, story.right, story.next_us = record, None, None
            story.tries = max(story.tries + 1, _attempt(record))
        elif len(self._stories) < MOST:
            self._stories[key] = Story(*key, record, record, _attempt(record))
        else:
            self.untold += 1


def _attempt(record: Record) -> int:
    """Return which try a record is of, as the service counted it."""
    return max(1, _whole(record.fields.get("attempt")))


def _whole(value: object) -> int:
    """Return a number that a log holds, 0 for what is none."""
    return value if isinstance(value, int) else 0
