"""Our own stanza: it says that a file was encrypted by this cache, for whom, and what it was before.

::

    -> cscd 0123456789abcdef            key id of the user's recipient
    -> cscd 0123456789abcdef sparse     ... and the plaintext had holes

It wraps nothing: its body is empty, and every other implementation skips it ("Recipient stanza"). The key
id is public by design; that gives up unlinkability, as the specification warns there, between files that
lie in their owner's own directory anyway.

The header's MAC covers the marker, so it is genuine once the header is verified. Before that it is a claim,
good for deciding what to look at and never for deciding what to trust.
"""

import re
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

_KEY_ID: Final = re.compile(r"[0-9a-f]{16}")
"""64 bits: two of a thousand users' keys share an id with probability 3e-14."""


def key_id(recipient: KeyRecipient) -> str:
    """Return the 16 hexadecimal digits that name `recipient` in a marker."""
    return sha256(_DOMAIN + recipient.public).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Marker:
    """What the stanza says."""

    key_id: str
    """Names the user's recipient; see the function `key_id`."""
    sparse: bool = False
    """The plaintext had holes: runs of zeros are to be restored as holes."""

    def stanza(self) -> Stanza:
        """Return the marker as a stanza for a header."""
        return Stanza((STANZA, self.key_id, _SPARSE) if self.sparse else (STANZA, self.key_id), b"")


def find(header: Header) -> Marker | None:
    """Return the marker of a header, None if this cache did not write it.

    It did not when there is no marker, more than one, one that it would not write, or nothing else: a
    file that wraps its key for nobody is not ours.
    """
    ours = [stanza for stanza in header.stanzas if stanza.args[0] == STANZA]
    if len(ours) != 1 or len(header.stanzas) == 1:
        return None
    _, *arguments = ours[0].args
    if not arguments or arguments[1:] not in ([], [_SPARSE]) or ours[0].body:
        return None
    return Marker(arguments[0], len(arguments) > 1) if _KEY_ID.fullmatch(arguments[0]) else None
