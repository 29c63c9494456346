"""``--range``: a part of the plaintext, in bytes counted from 0.

::

    100-199    from byte 100 up to and with byte 199, as in HTTP (RFC 9110 section 14.1.2)
    100-       from byte 100 to the end
    100+50     50 bytes from byte 100 on

What lies beyond the end of the plaintext is not printed, and is no error.
"""

import argparse
import re
from dataclasses import dataclass
from typing import Final

_SYNTAX: Final = re.compile(r"(?P<start>[0-9]{1,19})(?:-(?P<last>[0-9]{0,19})|\+(?P<length>[0-9]{1,19}))")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from `start` on, up to and without `stop`; None is the end."""

    start: int = 0
    stop: int | None = None

    @classmethod
    def parse(cls, text: str) -> "ByteRange":
        """Return the range written as `text`; for argparse, which names the option."""
        match = _SYNTAX.fullmatch(text)
        if match is None:
            raise argparse.ArgumentTypeError(f"{text!r} is not a range of bytes such as 0-99, 100- or 100+50")
        start = int(match["start"])
        if match["length"]:
            return cls(start, start + int(match["length"]))
        if not match["last"]:
            return cls(start)
        stop = int(match["last"]) + 1
        if stop <= start:
            raise argparse.ArgumentTypeError(f"{text!r} ends before it starts")
        return cls(start, stop)

    def part_of(self, data: memoryview, at: int) -> memoryview:
        """Return the part of `data`, which begins at offset `at`, that lies within the range."""
        start = max(0, self.start - at)
        stop = len(data) if self.stop is None else max(0, self.stop - at)
        return data[start:stop]
