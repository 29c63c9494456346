"""What a worker may tell."""

import pytest

from cscd.daemon.work.told import TELLABLE, event_of
from cscd.errors import MessageError
from cscd.events.catalogue import CATALOGUE
from cscd.events.event import PassEvent, ServiceEvent
from cscd.worker.messages import Happened
from tests.events.samples import ORDINARY, filled


@pytest.mark.parametrize("name", TELLABLE)
def test_an_event_of_a_workers_is_taken_with_its_fields(name: str) -> None:
    """As it would be if the daemon had made it."""
    event = filled(TELLABLE[name], ORDINARY)
    assert event_of(Happened(event=name, fields=event.model_dump())) == event


@pytest.mark.parametrize("name", [*(CATALOGUE.keys() - TELLABLE.keys()), "no_such_event"])
def test_any_other_event_is_refused(name: str) -> None:
    """Whatever its fields are."""
    with pytest.raises(MessageError):
        event_of(Happened(event=name, fields={}))


def test_no_event_of_the_service_or_of_a_pass_is_a_workers() -> None:
    """Those speak in the daemon's name."""
    assert not any(issubclass(event, (ServiceEvent, PassEvent)) for event in TELLABLE.values())


def test_wrong_fields_are_refused_without_being_quoted() -> None:
    """They may be anything."""
    with pytest.raises(MessageError) as caught:
        event_of(Happened(event="item_failed", fields={"path": "/x", "reason": ["SECRET"]}))
    assert "SECRET" not in str(caught.value)


def test_a_worker_counts_only_what_it_may_tell() -> None:
    """Else it could say that events of the service are missing."""
    with pytest.raises(MessageError):
        event_of(
            Happened(
                event="suppressed", fields={"suppressed_event": "key_created", "count": 9, "seconds": 1.0}
            )
        )
