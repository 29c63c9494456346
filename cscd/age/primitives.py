"""The three primitives that every part of age is put together from: HKDF, HMAC and file key wrapping."""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cscd.errors import HeaderError

FILE_KEY: Final = 16
"""Bytes of a file key (age specification, "File key")."""

WRAPPED: Final = FILE_KEY + 16
"""Bytes of a wrapped file key: the key and its Poly1305 tag (RFC 8439 section 2.8)."""

_KEY: Final = 32
"""Bytes that HKDF always yields in age ("Conventions"), and of a ChaCha20-Poly1305 key."""

_SHA256: Final = SHA256()

_ZERO_NONCE: Final = bytes(12)
"""The nonce that wraps file keys.

A nonce must not repeat *under one key*. A wrap key comes from a fresh ephemeral share or a fresh salt and
encrypts exactly one message, so there is nothing that a fixed nonce could repeat with. No other key in
this package may be used with it.
"""


def hkdf(ikm: bytes, salt: bytes, info: bytes) -> bytes:
    """Return the 32 bytes of HKDF-SHA-256 (RFC 5869) over `ikm`; an empty salt is the RFC's default."""
    return HKDF(_SHA256, _KEY, salt, info).derive(ikm)


def header_mac(file_key: bytes, covered: bytes) -> bytes:
    """Return the 32-byte MAC of the header bytes `covered`, which end with ``---`` ("Header MAC")."""
    mac = HMAC(hkdf(file_key, b"", b"header"), _SHA256)
    mac.update(covered)
    return mac.finalize()


def wrap(wrap_key: bytes, file_key: bytes) -> bytes:
    """Encrypt `file_key` under a `wrap_key` that was never used and never will be again."""
    return ChaCha20Poly1305(wrap_key).encrypt(_ZERO_NONCE, file_key, None)


def unwrap(wrap_key: bytes, body: bytes) -> bytes | None:
    """Return the file key in `body`, or None when `wrap_key` is not the one that wrapped it.

    Raises HeaderError as `refuse_other_length` does.
    """
    refuse_other_length(body)
    try:
        return ChaCha20Poly1305(wrap_key).decrypt(_ZERO_NONCE, body, None)
    except InvalidTag:
        return None


def refuse_other_length(body: bytes) -> None:
    """Raise HeaderError unless a wrapped file key has the one right length, before anything is decrypted.

    A longer ciphertext can be made to open under many keys, and would turn us into a partitioning oracle.
    """
    if len(body) != WRAPPED:
        raise HeaderError(f"a wrapped file key has {len(body)} bytes instead of {WRAPPED}")
