"""Reading exact amounts from something that may hand out less, with a look ahead."""

from typing import Protocol


class Source(Protocol):
    """Anything to read bytes from: a file, a pipe, a socket's file object."""

    def read(self, size: int, /) -> bytes | None:
        """Return between 1 and `size` bytes, b"" only at the end."""


class Intake:
    """A source with a buffer in front that never holds more than was asked for.

    Offers ``pread`` on the beginning of the stream, so that headers of files and of pipes are read by
    the same code, as long as nothing has been taken yet.
    """

    __slots__ = ("_ahead", "_source")

    def __init__(self, source: Source) -> None:
        self._source = source
        self._ahead = b""

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes without taking them, fewer only at the end."""
        self._ahead = self._fill(size)
        return self._ahead[:size]

    def pread(self, size: int, offset: int) -> bytes:
        """Return the `size` bytes that follow the next `offset` ones, fewer at the end; take none."""
        return self.peek(offset + size)[offset:]

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""
        data = self._fill(size)
        self._ahead = data[size:]
        return data[:size]

    def _fill(self, size: int) -> bytes:
        """Return what was looked at already, completed to `size` bytes as far as the source has them."""
        pieces = [self._ahead] if self._ahead else []
        missing = size - len(self._ahead)
        while missing > 0 and (piece := self._source.read(missing)):
            pieces.append(piece)
            missing -= len(piece)
        # One piece is the rule, and is not copied.
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
