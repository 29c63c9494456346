"""What an item holds: plain content, or an age file that this program wrote.

Only an age file with our marker stanza counts as encrypted. One without it is content that the user
keeps, like any other. A file that begins like one of ours and cannot be parsed is damaged, and is
neither encrypted a second time nor taken for plain.
"""

import os
from typing import Final

from cscd import age
from cscd.age import Header, Marker
from cscd.errors import HeaderError, HeaderTruncated
from cscd.files.outcome import LeftAlone, Reason

#: Bytes read to look at an item: a header for a dozen recipients, and the whole of most small files.
LOOK: Final = 65536
_OUR_STANZA: Final = b"\n-> cscd "


def examine(fd: int, beginning: bytes) -> tuple[Header, Marker] | None:
    """Return the header and marker of an encrypted item, None for plain content.

    `beginning` is what LOOK bytes from the start of `fd` gave.

    Raises `LeftAlone` with DAMAGED for a header of ours that does not parse, OSError from reading.
    """
    if not age.looks_like_age(beginning):
        return None
    try:
        header = _parse(fd, beginning)
    except HeaderError as error:
        if _OUR_STANZA in beginning:
            raise LeftAlone(Reason.DAMAGED, detail=str(error)) from None
        return None
    marker = age.find(header)
    return (header, marker) if marker else None


def _parse(fd: int, beginning: bytes) -> Header:
    """Parse a header, reading on only if it does not end within the first bytes."""
    try:
        return age.parse(beginning)
    except HeaderTruncated:
        if len(beginning) < LOOK:
            raise
        return age.parse(os.pread(fd, age.MAX_HEADER + 1, 0))
