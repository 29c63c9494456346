"""What a worker tells of its user's items, made into events of the catalogue.

Only events in which a worker can speak for nobody but its user are taken; their own models check and clean
every field. The user, the uid and the pass are the daemon's to say.
"""

from types import MappingProxyType
from typing import Final

from pydantic import ValidationError

from cscd.errors import MessageError
from cscd.events import items, sessions, workers
from cscd.events.event import UserEvent
from cscd.events.notices import Suppressed
from cscd.worker.messages import Happened

TELLABLE: Final = MappingProxyType(
    {
        event.kind.name: event
        for event in (
            items.ItemEncrypted,
            items.ItemUnencrypted,
            items.ItemRekeyed,
            items.ItemSkipped,
            items.ItemFailed,
            items.ItemRetryScheduled,
            items.ItemResolved,
            items.LeftoversRemoved,
            items.IndexRebuilt,
            workers.WatchDegraded,
            workers.WatchRestored,
            sessions.RootAwaited,
            sessions.RootFound,
        )
    }
)
"""The events that a worker may tell, by name."""


def event_of(said: Happened) -> UserEvent | Suppressed:
    """Return the event that a message tells of. Raises `MessageError` for another one, or wrong fields.

    A worker also counts what it would have to tell again and again, and tells how often.
    """
    kind: type[UserEvent | Suppressed] | None = TELLABLE.get(said.event)
    if said.event == Suppressed.kind.name:
        kind = Suppressed
    if kind is None:
        raise MessageError("an event that is not a worker's to tell")
    try:
        event = kind.model_validate(said.fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise MessageError(f"{said.event}: {first['msg']}") from None
    if isinstance(event, Suppressed) and event.suppressed_event not in TELLABLE:
        raise MessageError("counts events that are not a worker's to tell")
    return event
