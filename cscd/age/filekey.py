"""The file key: wrapped for every recipient at the start of a file, found again by one identity.

::

    begin    recipients           -> header + nonce, Sealer
    unlock   identities           -> file key
    opener   file key, nonce      -> Opener
    address  file key, recipients -> header
"""

import os
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from cscd.age import scrypt
from cscd.age.header import Header, Stanza, encode
from cscd.age.marker import Marker
from cscd.age.primitives import FILE_KEY, hkdf
from cscd.age.stream import Opener, Sealer
from cscd.errors import NoMatchError

NONCE: Final = 16
"""Bytes between the header and the first chunk (age specification, "Payload")."""


class Recipient(Protocol):
    """Somebody to encrypt for."""

    def wrap(self, file_key: bytes) -> Stanza:
        """Return a stanza from which only the recipient learns `file_key`."""


class Identity(Protocol):
    """Somebody to decrypt for."""

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """Return the file key if one of `stanzas` is for this identity, else None; may raise HeaderError."""


def begin(recipients: Iterable[Recipient], marker: Marker | None = None) -> tuple[bytes, Sealer]:
    """Start a file: return the bytes that it begins with, header and nonce, and the sealer of its payload.

    The file key is made here and forgotten here, so that no two files can ever share one. Raises
    ValueError without a recipient, and for a passphrase next to anything else.
    """
    file_key = os.urandom(FILE_KEY)
    header = address(file_key, recipients, marker)
    nonce = os.urandom(NONCE)
    return header + nonce, Sealer(_payload_key(file_key, nonce))


def address(file_key: bytes, recipients: Iterable[Recipient], marker: Marker | None = None) -> bytes:
    """Return a header that gives `file_key` to `recipients`.

    The payload depends on the file key and its nonce alone, so that a file whose key `unlock` has found may
    be given another header. Raises ValueError without a recipient, and for a passphrase next to anything
    else.
    """
    stanzas = [recipient.wrap(file_key) for recipient in recipients]
    if not stanzas:
        raise ValueError("a file needs at least one recipient")
    if marker is not None:
        # First, so that the marker lies within the first bytes that anybody reads of the file.
        stanzas.insert(0, marker.stanza())
    if len(stanzas) > 1 and any(stanza.args[0] == scrypt.STANZA for stanza in stanzas):
        raise ValueError("a passphrase cannot be combined with other recipients or a marker")
    return encode(stanzas, file_key)


def unlock(header: Header, identities: Iterable[Identity]) -> bytes:
    """Return the file key that one of `identities` finds in `header`, which it proves to be genuine.

    Raises NoMatchError when the file is for none of them, MacError when the header was altered, and
    HeaderError when a stanza is malformed or asks for too much work.
    """
    scrypt.check_alone(header.stanzas)
    file_key = unwrapped(header.stanzas, identities)
    if file_key is None:
        raise NoMatchError("none of the identities opens this file")
    header.verify(file_key)
    return file_key


def unwrapped(stanzas: Sequence[Stanza], identities: Iterable[Identity]) -> bytes | None:
    """Return the file key that the first of `identities` that fits finds in `stanzas`, None if none does.

    Nothing is known of the rest of the header; `unlock` is for whoever has all of it. Raises HeaderError when
    a stanza is malformed.
    """
    return next(filter(None, (identity.unwrap(stanzas) for identity in identities)), None)


def opener(file_key: bytes, nonce: bytes) -> Opener:
    """Return the opener of the payload that follows `nonce`."""
    return Opener(_payload_key(file_key, nonce))


def _payload_key(file_key: bytes, nonce: bytes) -> bytes:
    """Return the payload key ("Payload")."""
    return hkdf(file_key, nonce, b"payload")
