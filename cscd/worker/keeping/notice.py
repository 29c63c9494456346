"""What is not right in all roots together, told to the daemon whenever it changes."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from math import inf
from typing import Final

from cscd.files.outcome import Lasting, Reason
from cscd.worker.channel import Channel, encoded
from cscd.worker.keeping.charge import Charge
from cscd.worker.keeping.ending import reason_counts
from cscd.worker.messages import MOST_LISTED, RootStanding, Standing, Stuck

#: Seconds between two of them at least.
_EVERY: Final = 1.0
#: Bytes of the items that are named, as they are sent; a message holds twice as much.
_BYTES: Final = 64 << 10


class Notice:
    """Sends the standing of all roots."""

    def __init__(self, channel: Channel) -> None:
        """Begin with nothing said."""
        self._channel = channel
        self._said = 0
        """A hash of what was sent last."""
        self._sent_at = -inf
        self._changed = False

    def changed(self) -> None:
        """Note that it may have changed."""
        self._changed = True

    @property
    def due(self) -> float:
        """The monotonic time at which it is to be sent, infinite if it need not be."""
        return self._sent_at + _EVERY if self._changed else inf

    def send_if_due(self, charges: Iterable[Charge]) -> None:
        """Send it if it may have changed, and was not sent a moment ago."""
        now = time.monotonic()
        if self.due > now:
            return
        self._changed = False
        standing = _standing(tuple(charges))
        said = hash(encoded(standing))
        if said != self._said:
            self._said = said
            self._sent_at = now
            self._channel.send(standing)


def _standing(charges: tuple[Charge, ...]) -> Standing:
    return Standing(
        roots=tuple(
            RootStanding(path=charge.root.path, state=charge.root.state, reason=charge.root.reason)
            for charge in charges
        ),
        pending=reason_counts(_counts(charges, Lasting.BRIEF) + _counts(charges, Lasting.LOCKED)),
        failed=reason_counts(_counts(charges, Lasting.STAYS)),
        first=tuple(_first(chain.from_iterable(charge.standing.stuck() for charge in charges))),
    )


def _counts(charges: tuple[Charge, ...], lasting: Lasting) -> Counter[Reason]:
    return sum((charge.standing.counts(lasting) for charge in charges), Counter[Reason]())


def _first(stuck: Iterator[Stuck]) -> Iterator[Stuck]:
    """Yield the first that fit into a message; those whose path does not fit into one are only counted."""
    room = _BYTES
    for number, item in enumerate(stuck):
        if number >= MOST_LISTED:
            return
        if len(item.path) > 4096:  # noqa: PLR2004 - PATH_MAX, as in messages.Path
            continue
        room -= len(json.dumps(item.model_dump(mode="python")))
        if room < 0:
            return
        yield item
