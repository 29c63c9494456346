"""What the applications of these tests write: content that tells by itself whether it is whole."""

import os
from pathlib import Path
from typing import Final

from cscd.age import AgeReader, X25519Identity, looks_like_age

IDENTITY: Final = X25519Identity.parse(
    "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
)
"""The example of the age specification; it protects nothing."""

NEXT: Final = X25519Identity.parse(
    "AGE-SECRET-KEY-1GDP5XS6RGDP5XS6RGDP5XS6RGDP5XS6RGDP5XS6RGDP5XS6RGDPSST380Y"
)
"""The key that items are rekeyed to; it protects nothing either."""

SLOT: Final = 64
"""Bytes of one record that is written in place; it never crosses a page."""

LOOK: Final = 64
"""Bytes that tell an encrypted file."""


def version(number: int, length: int) -> bytes:
    """Return version `number` of a file, `length` bytes after its first line."""
    body = b"%015d\n" % number * (length // 16 + 1)
    return b"%d %d\n" % (number, length) + body[:length]


def number_of(content: bytes) -> int | None:
    """Return which version this is, None if it is not exactly one whole version."""
    first, newline, _ = content.partition(b"\n")
    try:
        number, length = map(int, first.split())
    except ValueError:
        return None
    return number if newline and content == version(number, length) else None


def slot(number: int) -> bytes:
    """Return a record to be written in place."""
    return (b"%015d|" % number * (SLOT // 16))[:-1] + b"\n"


def slot_number(record: bytes) -> int | None:
    """Return the number of a record, None if it is not a whole one."""
    try:
        number = int(record[:15])
    except ValueError:
        return None
    return number if record == slot(number) else None


def read_all(fd: int) -> bytes:
    """Read an open file from its start to where it ends."""
    pieces = []
    offset = 0
    while piece := os.pread(fd, 1 << 20, offset):
        pieces.append(piece)
        offset += len(piece)
    return b"".join(pieces)


def plain(fd: int) -> tuple[bytes, bool]:
    """Return the plain content of an open file, and whether it is encrypted.

    Raises `cscd.errors.AgeError` for an encrypted file that is not whole.
    """
    if not looks_like_age(os.pread(fd, LOOK, 0)):
        return read_all(fd), False
    return b"".join(map(bytes, AgeReader(fd, os.fstat(fd).st_size, [IDENTITY, NEXT]).chunks())), True


def final(path: Path) -> bytes:
    """Return what a file holds after the last pass; encrypted it must not be."""
    content = path.read_bytes()
    assert not looks_like_age(content[:LOOK]), f"{path} is still encrypted"
    return content
