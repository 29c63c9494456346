"""Every event there is, by name: the one list that the code, the documents and the journal share."""

from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import Final

from cscd.events import (
    configuration,
    items,
    keys,
    machine,
    notices,
    passes,
    recovery,
    service,
    sessions,
    state,
    workers,
)
from cscd.events.event import Event

TOPICS: Final[tuple[ModuleType, ...]] = (
    service,
    configuration,
    sessions,
    workers,
    passes,
    items,
    state,
    keys,
    machine,
    recovery,
    notices,
)
"""The modules that define events, in the order of the documents."""


def events_of(topic: ModuleType) -> tuple[type[Event], ...]:
    """Return the events that a module defines, in its order."""
    return tuple(
        value
        for value in vars(topic).values()
        if isinstance(value, type) and issubclass(value, Event) and value.__module__ == topic.__name__
    )


CATALOGUE: Final[Mapping[str, type[Event]]] = MappingProxyType(
    {event.kind.name: event for topic in TOPICS for event in events_of(topic)}
)
"""The events by name."""
