"""The catalogue is complete, consistent, and cannot hold a secret."""

import inspect
import re
from typing import Any, get_args, get_origin

import pytest

from cscd.events import fields
from cscd.events.catalogue import CATALOGUE, TOPICS, events_of
from cscd.events.event import Event, PassEvent, ServiceEvent, UserEvent
from cscd.events.fields import Part
from cscd.events.level import Level
from cscd.events.record import FRAME
from tests.events.samples import HOSTILE, ORDINARY, every_event, filled

DESIGNED = (
    """
service_started, service_stopped, config_loaded, config_rejected, session_opened, session_closed,
pass_started, pass_progress, pass_completed, item_encrypted, item_unencrypted, item_skipped, item_failed,
item_retry_scheduled, state_changed, encrypt_called, key_created, key_unlocked, key_locked, watch_degraded,
worker_started, worker_exited""".strip()
    .replace("\n", " ")
    .split(", ")
)
"""The names that the design has."""

SAFE_TYPES = {
    id(kind) for name, kind in vars(fields).items() if get_origin(kind) is not None and name[0].isupper()
}
"""The types that make any value fit: those of `cscd.events.fields`."""

events = pytest.mark.parametrize("event", CATALOGUE.values(), ids=CATALOGUE)


def test_the_names_of_the_design_are_there() -> None:
    """Others rely on them."""
    assert set(DESIGNED) <= CATALOGUE.keys()


def test_names_and_ids_are_unique() -> None:
    """No event hides another one."""
    defined = [event for topic in TOPICS for event in events_of(topic)]
    assert len(defined) == len(CATALOGUE)
    assert len({event.kind.message_id for event in defined}) == len(defined)


@events
def test_an_event_is_whole(event: type[Event]) -> None:
    """Name and id are fixed; meaning and advice are a sentence each, and so is what each field holds."""
    kind = event.kind
    assert kind.name == re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower()
    assert re.fullmatch(r"[0-9a-f]{32}", kind.message_id)
    meaning = inspect.cleandoc(event.__doc__ or "")
    assert meaning.endswith(".")
    assert len(re.findall(r"[.!?](?:\s|$)", meaning)) == 1
    assert kind.advice.endswith(".")
    assert event.model_config.get("frozen")
    for field in event.model_fields.values():
        assert field.description
        assert field.description.endswith(".")


@events
def test_an_event_is_of_someone(event: type[Event]) -> None:
    """Of the service, of a user or of a pass; only the log's own events may be of anyone."""
    kinds = [scope for scope in (ServiceEvent, UserEvent, PassEvent) if issubclass(event, scope)]
    assert len(kinds) == 1 or event.__module__.endswith(".notices")


@events
def test_no_field_takes_text_as_it_comes(event: type[Event]) -> None:
    """Every field has a type of `cscd.events.fields`, which escapes, cuts and redacts; or is a boolean."""
    annotations = inspect.get_annotations(event)
    for name in event.model_fields:
        assert annotations[name] is bool or id(annotations[name]) in SAFE_TYPES, f"{event.__name__}.{name}"


def test_parts_of_fields_are_safe_as_well() -> None:
    """Holders and counts have the same types."""
    for part in (fields.Holder, fields.ReasonCount):
        assert all(id(kind) in SAFE_TYPES for kind in inspect.get_annotations(part).values())
        assert issubclass(part, Part)


@pytest.mark.parametrize("event", every_event(HOSTILE), ids=CATALOGUE)
def test_no_event_can_hold_an_identity(event: Event) -> None:
    """Filled with one wherever text goes, none is in its fields, its message or its repr."""
    told = repr(event) + str(event.model_dump()) + event.message()
    assert "SECRET-KEY-" not in told.upper()


@pytest.mark.parametrize(
    "event", [*every_event(HOSTILE), *every_event(ORDINARY)], ids=lambda event: event.kind.name
)
def test_a_message_is_one_harmless_line(event: Event) -> None:
    """Whatever the fields are given."""
    assert event.message().isprintable()
    assert event.message()


@events
def test_a_short_message_fits_a_terminal(event: type[Event]) -> None:
    """With ordinary values it has 110 characters at most, so that it takes two lines of 80 at most."""
    assert len(filled(event, ORDINARY).message()) <= 110


@events
def test_fields_do_not_clash_with_the_frame(event: type[Event]) -> None:
    """Nor are their names too long for the journal (64 bytes with the prefix)."""
    assert set(event.model_fields).isdisjoint(FRAME)
    assert all(re.fullmatch(r"[a-z][a-z_]{0,50}", name) for name in event.model_fields)


def test_levels_are_as_designed() -> None:
    """Successes of single items are debug, skips info, failures warning; the summary of a pass is info."""
    levels = {name: event.kind.level for name, event in CATALOGUE.items()}
    assert levels["item_encrypted"] is levels["item_unencrypted"] is Level.DEBUG
    assert levels["item_skipped"] is levels["pass_completed"] is Level.INFO
    assert levels["item_failed"] is Level.WARNING


def test_every_safe_type_is_an_annotated_one() -> None:
    """So that the check above checks something."""
    assert len(SAFE_TYPES) >= len({"FileName", "Text", "Word", "Words", "FileNames", "Count", "Seconds"})
    assert all(isinstance(get_args(kind), tuple) for kind in _annotated())


def _annotated() -> list[Any]:
    return [kind for kind in vars(fields).values() if id(kind) in SAFE_TYPES]
