"""Identities for a pass, through a pipe that the daemon has made: as text, one on a line, and then the end.

They go from the holder's memory to that of the pass and are nowhere else but in the kernel's, which does not
swap a pipe out.
"""

import fcntl
import os
import select
from collections.abc import Sequence
from typing import Final

from cscd.age import KeyIdentity, parse_identities
from cscd.age.keys import MAX_KEY_FILE
from cscd.errors import KeyFormatError

_READ_WITHIN: Final = 20.0
"""Seconds until they have come."""


def lend(pipe: int, identities: Sequence[KeyIdentity]) -> int:
    """Write the identities into a new pipe without waiting, as many as fit, and return how many those are."""
    room = min(fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ), MAX_KEY_FILE)
    lines = [f"{identity.encode()}\n".encode("ascii") for identity in identities]
    lent = 0
    while lent < len(lines) and room >= len(lines[lent]):
        room -= len(lines[lent])
        lent += 1
    os.write(pipe, b"".join(lines[:lent]))
    return lent


def lent(identities: Sequence[KeyIdentity]) -> int:
    """Return the end of a pipe that has the identities in it; the caller closes it."""
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    try:
        lend(theirs, identities)
    finally:
        os.close(theirs)
    return ours


def borrow(pipe: int) -> tuple[KeyIdentity, ...]:
    """Return the identities that come through a pipe, and close it. Raises KeyFormatError."""
    data = bytearray()
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    try:
        while len(data) <= MAX_KEY_FILE:
            if not poll.poll(_READ_WITHIN * 1000):
                raise KeyFormatError("the identities for the pass did not come in time")
            piece = os.read(pipe, 1 << 16)
            if not piece:
                return tuple(parse_identities(bytes(data))) if data else ()
            data += piece
    finally:
        os.close(pipe)
    raise KeyFormatError("more than identities came for the pass")
