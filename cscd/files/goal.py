"""What a pass wants every item to be, with the keys that it takes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from cscd.age import Header, Identity, Marker, Recipient, set_id


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
    """What opens encrypted items; only needed to unencrypt and to rekey. None: the key is locked."""
    background: bool = True
    """Give way at once to whoever opens an item, instead of having them wait."""
    leases_required: bool = True
    """Leave items alone where the filesystem cannot tell who has them open."""
    rekey: bool = False
    """Give items that are encrypted for other recipients a new header; else they are right as they are."""
    set_id: str = field(init=False)
    """Names all recipients in the marker of an encrypted item."""

    def __post_init__(self) -> None:
        """Name the recipients once, not once for each item."""
        object.__setattr__(self, "set_id", set_id(map(str, self.recipients)))

    def marker(self, *, sparse: bool) -> Marker:
        """Return the marker of an item encrypted by this pass."""
        return Marker(self.key_id, self.set_id, sparse)

    def fits(self, header: Header, marker: Marker) -> bool:
        """Whether an encrypted item is for exactly these recipients, as far as its header claims.

        An older marker does not name all of them. It leaves no doubt only where there is one, and one stanza.
        """
        if marker.key_id != self.key_id:
            return False
        if marker.set_id:
            return marker.set_id == self.set_id
        return len(self.recipients) == 1 and len(header.stanzas) == len(("the marker", "the recipient"))
