"""Reading ASCII armor: an age file dressed as strict PEM (age specification, "ASCII armor"; RFC 7468).

::

    -----BEGIN AGE ENCRYPTED FILE-----
    YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBURWlGMHlwcXIrYnB2Y3FY     64 columns ...
    TnlDVkpwTDdPdXdQZFZ3UEw3S1FFYkZET0Njdw==                             ... shorter in the last line
    -----END AGE ENCRYPTED FILE-----

Lines end with LF or CRLF. Nothing else may vary, except for blank space before and after: otherwise one
file would have many armors, and anybody could hide something in the difference.
"""

import binascii
import re
from typing import Final

from cscd.age.intake import Intake, Source
from cscd.errors import ArmorError

_BEGIN: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"
_END: Final = b"-----END AGE ENCRYPTED FILE-----"
_ANY_BEGIN: Final = b"-----BEGIN"
_COLUMNS: Final = 64
_BLANK: Final = b" \t\r\n\v\f"
_MAX_BLANK: Final = 1024
"""Bytes of blank space accepted before and after, as in age: a mail's margin, not a flood."""

_READ: Final = 65536
"""Bytes of armor decoded at a time."""


_HEAD: Final = re.compile(rb"((?:[ \t\r\v\f]*+\n)*+)" + _BEGIN + rb"\r?\n")
_FULL_LINES: Final = re.compile(rb"(?:[A-Za-z0-9+/]{64}\r?\n)+")
_TAIL: Final = re.compile(
    rb"(?:([A-Za-z0-9+/]{2,64}={0,2})\r?\n)?" + _END + rb"\r?(?:\n[ \t\r\n\v\f]{0,%d})?" % _MAX_BLANK,
)


def is_armored(intake: Intake) -> bool:
    """Tell whether what `intake` will read next is PEM of some kind, without taking any of it."""
    return intake.peek(_MAX_BLANK + len(_ANY_BEGIN)).lstrip(_BLANK).startswith(_ANY_BEGIN)


class ArmorReader:
    """The binary age file within an armored one, as a source to read from.

    Raises ArmorError for whatever is not strict; constant memory.
    """

    __slots__ = ("_binary", "_ended", "_intake")

    def __init__(self, source: Source | Intake) -> None:
        self._intake = source if isinstance(source, Intake) else Intake(source)
        self._ended = False
        self._binary = b""
        head = _HEAD.match(self._intake.peek(_MAX_BLANK + len(_BEGIN) + len(b"\r\n")))
        if head is None or head.end(1) > _MAX_BLANK:
            raise ArmorError("the armor does not begin as that of an age file")
        self._intake.take(head.end())

    def read(self, size: int, /) -> bytes:
        """Return between 1 and `size` bytes of the binary file, b"" at its end."""
        while not self._binary and not self._ended:
            self._binary = self._decode()
        piece, self._binary = self._binary[:size], self._binary[size:]
        return piece

    def _decode(self) -> bytes:
        """Return what the next full lines hold, or the rest."""
        block = self._intake.peek(_READ)
        if lines := _FULL_LINES.match(block):
            self._intake.take(lines.end())
            # 64 columns are 48 whole bytes: no padding and no stray bits, hence always canonical.
            return binascii.a2b_base64(lines[0])
        tail = _TAIL.fullmatch(block)
        # A block that is as large as could be may go on; a tail never is.
        if tail is None or len(block) == _READ:
            raise ArmorError("the armor has a malformed line, or no end, or something after its end")
        self._ended = True
        return _last_line(tail[1] or b"")


def _last_line(text: bytes) -> bytes:
    """Return what the last, shorter line holds; ArmorError unless it is canonical base64 with padding."""
    try:
        binary = binascii.a2b_base64(text)
    except binascii.Error:
        binary = b""
    if len(text) > _COLUMNS or binascii.b2a_base64(binary, newline=False) != text:
        raise ArmorError("the last line of the armor holds base64 that is not canonical")
    return binary
