"""Reading an age file at any offset, without reading what comes before.

Every byte that leaves the reader is authenticated, and so is the size: the last chunk is opened as the last
one before the reader says how long the plaintext is ("Payload").
"""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final

from cscd.age.filekey import NONCE, Identity, opener, unlock
from cscd.age.header import MAX_HEADER, Header, parse
from cscd.age.stream import CHUNK, SEALED, TAG, plain_size
from cscd.errors import HeaderError, HeaderTruncated, PayloadError

FIRST_READ: Final = 4096
"""Bytes asked for first: one page, enough for a header with 40 X25519 recipients and its nonce."""


class AgeReader:
    """An age file opened for reading; for one thread at a time.

    `source` is an open file descriptor or a function ``pread(size, offset)`` that returns up to `size`
    bytes and fewer only at the end; `size` is the file's size in bytes, and `identities` are tried in
    order. Raises HeaderError, MacError, NoMatchError, PayloadError, and whatever `source` raises.
    """

    __slots__ = ("_chunk", "_chunk_index", "_last", "_opener", "_payload", "_pread", "header", "size")

    header: Header
    """The header, verified."""
    size: int
    """Bytes of plaintext, verified."""

    def __init__(
        self,
        source: int | Callable[[int, int], bytes],
        size: int,
        identities: Iterable[Identity],
    ) -> None:
        self._pread = partial(os.pread, source) if isinstance(source, int) else source
        self.header, start = read_header(self._pread)
        file_key = unlock(self.header, identities)
        self._payload = self.header.length + NONCE
        nonce = start[self.header.length : self._payload]
        if len(nonce) < NONCE:
            raise HeaderError("the file ends before its payload")
        self._opener = opener(file_key, nonce)
        self.size = plain_size(size - self._payload)
        self._last = max(0, self.size - 1) // CHUNK
        self._chunk = memoryview(b"")
        self._chunk_index = -1
        # If this opens as the last chunk, then the size above is what the writer meant it to be.
        self._load(self._last)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return the `length` bytes of plaintext from `offset` on, fewer only where the plaintext ends.

        Both are not negative. Raises PayloadError if a chunk among them is not genuine.
        """
        stop = min(offset + length, self.size)
        return b"".join(self.chunks(offset, stop)) if offset < stop else b""

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[memoryview]:
        """Yield the plaintext from `start` up to `stop` (default: to the end), at most 64 KiB at a time.

        A view is valid until the next one is asked for. The caller may stop between any two. Raises
        PayloadError at the first chunk that is not genuine.
        """
        stop = self.size if stop is None else min(stop, self.size)
        while start < stop:
            index, skip = divmod(start, CHUNK)
            self._load(index)
            piece = self._chunk[skip : skip + stop - start]
            start += len(piece)
            yield piece

    def verify(self) -> None:
        """Open every chunk; PayloadError if one is not genuine."""
        for index in range(self._last + 1):
            self._load(index)

    def _load(self, index: int) -> None:
        """Make chunk number `index` the current one; it stays so, as small reads often follow each other."""
        if index == self._chunk_index:
            return
        final = index == self._last
        size = self.size - index * CHUNK if final else CHUNK
        sealed = self._pread(size + TAG, self._payload + index * SEALED)
        plain = memoryview(bytearray(size))
        if len(sealed) != size + TAG:
            raise PayloadError("the file has become shorter while it was read")
        self._opener.open_into(memoryview(sealed), plain, index, final=final)
        self._chunk, self._chunk_index = plain.toreadonly(), index


def read_header(pread: Callable[[int, int], bytes]) -> tuple[Header, bytes]:
    """Return the header of the file behind `pread`, and the file's first bytes: header, nonce, maybe more.

    Only the nonce may be incomplete, when the file ends there. Reads twice as much each time that the
    header turns out to go on, and never more than MAX_HEADER and a nonce. Raises HeaderError.
    """
    size = FIRST_READ
    while True:
        start = pread(size, 0)
        try:
            header = parse(start)
        except HeaderTruncated:
            if len(start) < size:
                raise
            size = min(size * 2, MAX_HEADER)
            continue
        if len(start) < header.length + NONCE:
            start += pread(header.length + NONCE - len(start), len(start))
        return header, start
