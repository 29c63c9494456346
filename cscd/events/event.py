"""What every event has: a fixed name, a level, an id, a meaning, and typed fields.

One event is one frozen model; the code tells what happened by making an instance of it. Whose event it is
is part of its type: a `ServiceEvent` is about cscd, a `UserEvent` about one user, a `PassEvent` about one
pass over one user's items. `cscd.events.log` has a log for each, so that no event can lack its user.

The docstring of an event is the sentence that says what it means, those of its fields say what they hold.
`docs/log-events.md` and the journal's catalogue are written from them.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from cscd.events.fields import Part
from cscd.events.level import Level


@dataclass(frozen=True, slots=True)
class Kind:
    """What is the same for every instance of an event."""

    name: str
    """In snake_case; never changed, never used for something else."""
    level: Level
    message_id: str
    """128 random bits in 32 hexadecimal digits, for the journal and its catalogue (``journalctl -x``)."""
    advice: str
    """What to do about it, in one sentence."""


class Event(Part):
    """Base of all events."""

    kind: ClassVar[Kind]

    @abstractmethod
    def message(self) -> str:
        """Say what happened, in one line for people."""

    @property
    def repeats(self) -> str:
        """What makes another event of this kind a repetition of this one, for the same user: its reason."""
        return str(getattr(self, "reason", ""))


class ServiceEvent(Event):
    """An event of the service, of no user in particular."""


class UserEvent(Event):
    """An event of one user: it has that user's name and uid, and the pass in which it came, if any."""


class PassEvent(Event):
    """An event of one pass: it has the user's name and uid, and the pass."""
