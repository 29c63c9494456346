"""Telling the daemon what happens: events of the catalogue, those that repeat counted instead."""

import time
from typing import Final

from cscd.events.event import Event
from cscd.events.limit import Key, Limiter, Limits
from cscd.events.notices import Suppressed
from cscd.worker.channel import Channel
from cscd.worker.messages import Happened

#: What the log itself writes by default. More would only be sent to be counted there.
_LIMITS: Final = Limits()


class Teller:
    """Sends events to the daemon, of which the log has the last word."""

    def __init__(self, channel: Channel) -> None:
        """Tell it over this channel."""
        self._channel = channel
        self._limiter = Limiter(_LIMITS, time.monotonic)
        self.pass_id: str | None = None
        """The pass in which things happen at the moment."""

    def tell(self, event: Event) -> None:
        """Tell what happened. Raises ConnectionError when the daemon has gone."""
        if self._limiter.admit(Key(None, event.kind.name, event.repeats)):
            self._send(event)

    def tell_counts(self) -> None:
        """Tell how many events were not told one by one."""
        for counted in self._limiter.take_counts():
            self._send(
                Suppressed(
                    suppressed_event=counted.key.event,
                    reason=counted.key.reason,
                    count=counted.count,
                    seconds=counted.seconds,
                )
            )

    def _send(self, event: Event) -> None:
        self._channel.send(
            Happened(event=event.kind.name, fields=event.model_dump(mode="python"), pass_id=self.pass_id)
        )
