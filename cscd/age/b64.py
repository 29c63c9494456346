"""Unpadded base64 exactly as age writes it: one accepted spelling per value.

The specification ("Conventions") makes decoders refuse padding and non-canonical encodings. A lenient
decoder would let somebody without the key change a file's bytes and keep its meaning.
"""

import binascii

from cscd.errors import HeaderError

_PADDING = (b"", b"", b"==", b"=")
"""What RFC 4648 section 4 would append, by the length modulo 4; a remainder of 1 is never valid."""


def encode(raw: bytes) -> bytes:
    """Return the canonical base64 of `raw`, without padding or line breaks."""
    return binascii.b2a_base64(raw, newline=False).rstrip(b"=")


def decode(text: bytes) -> bytes:
    """Return the bytes that `text` stands for.

    Raises HeaderError unless `text` is what `encode` returns for them. Writing the value again and
    comparing covers every deviation at once: padding, line breaks, other alphabets, stray low bits.
    """
    try:
        raw = binascii.a2b_base64(text + _PADDING[len(text) & 3])
    except binascii.Error:
        raw = None
    if raw is None or encode(raw) != text:
        raise HeaderError("the header holds base64 that is not canonical") from None
    return raw
