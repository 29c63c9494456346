"""STREAM: the payload of an age file as chunks that are sealed one by one (specification, "Payload").

Each chunk's nonce holds its number and whether it is the last, under a key that no other file shares. So a
chunk that was altered, moved, dropped, appended or taken from another file does not open.

`Sealer` and `Opener` work on *runs* of chunks between buffers of the caller's, keep no state but the key,
and let go of the interpreter lock during each chunk: several threads may use one at once.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from cscd.errors import PayloadError

CHUNK: Final = 65536
"""Plaintext bytes of every chunk but the last, which may be shorter ("Payload")."""

TAG: Final = 16
"""Bytes that sealing adds to each chunk (Poly1305, RFC 8439 section 2.5)."""

SEALED: Final = CHUNK + TAG
"""Bytes of a sealed full chunk."""

_NONCE: Final = 12
_LAST: Final = 1
"""Least significant byte of the last chunk's nonce; the chunk number fills the other eleven ("Payload")."""


def sealed_size(plain_size: int) -> int:
    """Return the bytes that the chunks of `plain_size` bytes take, without the payload's nonce."""
    return plain_size + TAG * max(1, -(-plain_size // CHUNK))


def plain_size(sealed_size: int) -> int:
    """Return the bytes of plaintext within `sealed_size` bytes of chunks, the nonce not counted.

    Raises PayloadError for sizes that no payload has. The result is only a claim until the last chunk
    has been opened as the last.
    """
    full, rest = divmod(sealed_size, SEALED)
    # A last chunk without content exists only as the single chunk of an empty payload ("Payload").
    if sealed_size < TAG or (full and 0 < rest <= TAG):
        raise PayloadError("the payload has been cut off: its size is impossible")
    return sealed_size - TAG * (full + (rest > 0))


class Sealer:
    """Encrypts the payload that the 32-byte `payload_key` belongs to.

    It must seal every chunk number once at most: two contents under one nonce give both away.
    """

    __slots__ = ("_aead",)

    def __init__(self, payload_key: bytes) -> None:
        self._aead = ChaCha20Poly1305(payload_key)

    def seal_into(self, plain: memoryview, out: memoryview, index: int, *, final: bool) -> int:
        """Seal a run of chunks, the first of which has number `index`; return the bytes written to `out`.

        `final` says that the payload ends with this run. Only then may the run end with a partial chunk,
        and only the run of an empty payload may be empty. ValueError for any other run, or when `out` has
        not the room; both views must be contiguous bytes and must not overlap.
        """
        size = len(plain)
        if (size % CHUNK and not final) or (not size and (index or not final)):
            raise ValueError(f"a run of {size} bytes at chunk {index} cannot be part of a payload")
        seal = self._aead.encrypt_into
        done = at = 0
        last = max(0, size - 1) // CHUNK * CHUNK if final else size
        while at < last:
            seal(_nonce(index, 0), plain[at : at + CHUNK], None, out[done : done + SEALED])
            at += CHUNK
            done += SEALED
            index += 1
        if final:
            end = done + size - last + TAG
            seal(_nonce(index, _LAST), plain[last:], None, out[done:end])
            return end
        return done


class Opener:
    """Decrypts the payload that the 32-byte `payload_key` belongs to."""

    __slots__ = ("_aead",)

    def __init__(self, payload_key: bytes) -> None:
        self._aead = ChaCha20Poly1305(payload_key)

    def open_into(self, sealed: memoryview, out: memoryview, index: int, *, final: bool) -> int:
        """Open a run of chunks, the first of which has number `index`; return the bytes written to `out`.

        `final` says that the payload must end with this run. Raises PayloadError when it does not, or at
        the first chunk that is not genuine: `out` then holds the chunks before it and no byte of its
        content. ValueError for a run that is not final and not whole chunks, or when `out` has not the
        room; both views must be contiguous bytes and must not overlap.
        """
        size = len(sealed)
        if size % SEALED and not final:
            raise ValueError(f"a run of {size} bytes that is not the last one must be whole chunks")
        done = at = 0
        last = max(0, size - 1) // SEALED * SEALED if final else size
        while at < last:
            self._open(_nonce(index, 0), sealed[at : at + SEALED], out[done : done + CHUNK])
            at += SEALED
            done += CHUNK
            index += 1
        if final:
            end = done + size - last - TAG
            if end < done or (end == done and index):
                raise PayloadError("the payload has been cut off, or ends with an empty chunk")
            self._open(_nonce(index, _LAST), sealed[last:], out[done:end])
            return end
        return done

    def _open(self, nonce: bytes, sealed: memoryview, out: memoryview) -> None:
        """Open one chunk; on PayloadError nothing of it is left in `out`."""
        try:
            self._aead.decrypt_into(nonce, sealed, None, out)
        except InvalidTag:
            # The library decrypts before it compares the tags, and leaves what it has decrypted.
            out[:] = bytes(len(out))
            raise PayloadError("the payload has been altered, cut off or extended") from None


def _nonce(index: int, last: int) -> bytes:
    """Return the nonce of chunk number `index`: 11 bytes big endian, then the byte for the last chunk."""
    return (index << 8 | last).to_bytes(_NONCE, "big")
