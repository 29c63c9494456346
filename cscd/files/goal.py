"""What a pass wants every item to be, with the keys that it takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cscd.age import Identity, Marker, Recipient


class State(StrEnum):
    """The cache-wide encryption state."""

    ENCRYPTED = "encrypted"
    UNENCRYPTED = "unencrypted"


@dataclass(frozen=True, slots=True)
class Goal:
    """The asked state and how to get there."""

    state: State
    recipients: Sequence[Recipient] = ()
    """Who can read an encrypted item: the user first, then those who recover."""
    key_id: str = ""
    """Names the first recipient in the marker of an encrypted item."""
    identities: Sequence[Identity] = ()
    """What opens encrypted items; only needed to unencrypt."""
    background: bool = True
    """Give way at once to whoever opens an item, instead of having them wait."""
    leases_required: bool = True
    """Leave items alone where the filesystem cannot tell who has them open."""

    def marker(self, *, sparse: bool) -> Marker:
        """Return the marker of an item encrypted by this pass."""
        return Marker(self.key_id, sparse=sparse)
