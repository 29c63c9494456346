"""Our own stanza: it says that a file was encrypted by this cache, for whom, and what it was before.

::

    -> cscd 0123456789abcdef fedcba9876543210            key id of the user's recipient, id of all recipients
    -> cscd 0123456789abcdef fedcba9876543210 sparse     ... and the plaintext had holes
    -> cscd 0123456789abcdef                             as written before there was a set id: nobody can tell
    -> cscd 0123456789abcdef sparse                      who else the file is for

It wraps nothing: its body is empty, and every other implementation skips it ("Recipient stanza"). Both ids
are public by design; that gives up unlinkability, as the specification warns there, between files that lie in
their owner's own directory anyway. Who knows some recipients can tell from the set id whether a file is for
exactly these; a file says that much of X25519 recipients to nobody else.

The header's MAC covers the marker, so it is genuine once the header is verified. Before that it is a claim,
good for deciding what to look at and never for deciding what to trust.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cscd.age.header import Header, Stanza
from cscd.age.keys import KeyRecipient

STANZA: Final = "cscd"
"""The type of the stanza. The specification recommends a domain name; the project has none of its own."""

_SPARSE: Final = "sparse"
_DOMAIN: Final = b"cscd/v1/key-id\0"
"""Keeps key ids apart from any other use of SHA-256 over public keys."""

_SET_DOMAIN: Final = b"cscd/v1/recipients\0"
"""Keeps set ids apart from key ids and anything else."""

_IDS: Final = len(("key id", "set id"))
_ID: Final = re.compile(r"[0-9a-f]{16}")
"""64 bits: two of a thousand users' keys share an id with probability 3e-14."""


def key_id(recipient: KeyRecipient) -> str:
    """Return the 16 hexadecimal digits that name `recipient` in a marker."""
    return sha256(_DOMAIN + recipient.public).hexdigest()[:16]


def set_id(recipients: Iterable[str]) -> str:
    """Return the 16 hexadecimal digits that name a set of recipients, given as they are written (``age1…``).

    Neither their order counts nor that one is named twice.
    """
    # A recipient is written without a line break, so no other set is joined to the same bytes.
    return sha256(_SET_DOMAIN + "\n".join(sorted(set(recipients))).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Marker:
    """What the stanza says."""

    key_id: str
    """Names the user's recipient; see the function `key_id`."""
    set_id: str = ""
    """Names all recipients; see the function `set_id`. "" in a file from before there were such ids."""
    sparse: bool = False
    """The plaintext had holes: runs of zeros are to be restored as holes."""

    def stanza(self) -> Stanza:
        """Return the marker as a stanza for a header."""
        arguments = (self.key_id, self.set_id, _SPARSE if self.sparse else "")
        return Stanza((STANZA, *filter(None, arguments)), b"")


def find(header: Header) -> Marker | None:
    """Return the marker of a header, None if this cache did not write it.

    It did not when there is no marker, more than one, one that it would not write, or nothing else: a
    file that wraps its key for nobody is not ours.
    """
    ours = [stanza for stanza in header.stanzas if stanza.args[0] == STANZA]
    if len(ours) != 1 or len(header.stanzas) == 1:
        return None
    if ours[0].body:
        return None
    _, *ids = ours[0].args
    sparse = ids[-1:] == [_SPARSE]
    if sparse:
        ids.pop()
    if not 1 <= len(ids) <= _IDS or not all(map(_ID.fullmatch, ids)):
        return None
    return Marker(ids[0], ids[1] if len(ids) > 1 else "", sparse)
