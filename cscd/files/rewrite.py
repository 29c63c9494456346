"""Writing an item's other version: encrypted from plain, plain from encrypted, or the same once more.

What is encrypted and is to be so for others is the matter of `cscd.files.rekey`.

Content is cut into segments of whole age chunks. Where a segment lies in both versions follows from
its number alone, so any number of threads can work on one file, each reading, sealing or opening, and
writing segments of its own at their offsets. Buffers belong to the caller and are used again: fresh
memory is dearer than the cipher.
"""

import os
import threading
from collections.abc import Callable
from typing import Final, Protocol

from cscd import age
from cscd.age import CHUNK, NONCE, TAG, Header, Marker, Opener
from cscd.errors import PayloadError
from cscd.files import kernel
from cscd.files.goal import Goal
from cscd.files.outcome import LeftAlone, Reason

_CHUNKS: Final = 16
#: Bytes of plain content in a segment: small enough to stop within a millisecond, large enough that
#: the interpreter's share of the work is small.
SEGMENT: Final = _CHUNKS * CHUNK
_SEALED_SEGMENT: Final = _CHUNKS * (CHUNK + TAG)
_PAGE: Final = 4096
_ZEROS: Final = bytes(CHUNK)
_NOTHING: Final = memoryview(b"")
#: Files from this size on are worth a second thread. Smaller ones are many, and each process has its own.
_THREADS_PAY: Final = 32 * SEGMENT


class Buffers:
    """The memory one thread works in: a plain and a sealed segment."""

    __slots__ = ("plain", "sealed")

    def __init__(self) -> None:
        self.plain = memoryview(bytearray(SEGMENT))
        self.sealed = memoryview(bytearray(_SEALED_SEGMENT))


class Rewrite(Protocol):
    """One direction of the rewriting of one file."""

    @property
    def new_size(self) -> int:
        """Bytes of the version to be written."""

    @property
    def segments(self) -> int:
        """How many segments there are, at least one."""

    def segment(self, number: int, source: int, target: int, buffers: Buffers) -> int:
        """Convert one segment between two descriptors and return the bytes of it that were read.

        Raises OSError; `LeftAlone` with CHANGED_MEANWHILE where the source ends too early, and with
        DAMAGED where it fails its check.
        """

    def finish(self, target: int) -> None:
        """Complete the new version after all segments."""


class Encryption:
    """From plain content to an age file."""

    def __init__(self, goal: Goal, beginning: bytes, size: int, *, sparse: bool) -> None:
        """Prepare a fresh file key for `size` bytes; `sparse` content gets its holes back one day.

        `beginning` is what has been read of the file already: most files are not read again.
        """
        self._size = size
        self._beginning = memoryview(beginning)
        self._prefix, self._sealer = age.begin(goal.recipients, goal.marker(sparse=sparse))
        self.segments = -(-size // SEGMENT)
        self.new_size = len(self._prefix) + age.sealed_size(size)

    def segment(self, number: int, source: int, target: int, buffers: Buffers) -> int:
        """Seal one segment; see `Rewrite.segment`."""
        start = number * SEGMENT
        wanted = min(SEGMENT, self._size - start)
        plain = read(source, buffers.plain[:wanted], start, self._beginning)
        final = start + wanted == self._size
        sealed = self._sealer.seal_into(plain, buffers.sealed, number * _CHUNKS, final=final)
        if number == 0:
            write_both(target, self._prefix, buffers.sealed[:sealed])
        else:
            write(target, buffers.sealed[:sealed], len(self._prefix) + number * _SEALED_SEGMENT)
        return wanted

    def finish(self, target: int) -> None:
        """Nothing is left to do."""


class Decryption:
    """From an age file to plain content, with its holes if it had any."""

    def __init__(
        self, source: int, beginning: bytes, header: Header, marker: Marker, goal: Goal, size: int
    ) -> None:
        """Unlock the file key of an encrypted item of `size` bytes; `beginning` as in `Encryption`.

        Raises `AgeError` where no identity fits or the header is not authentic.
        """
        file_key = age.unlock(header, goal.identities)
        self._start = header.length + NONCE
        self._beginning = memoryview(beginning)
        nonce = beginning[header.length : self._start]
        if len(nonce) < NONCE:
            nonce = os.pread(source, NONCE, header.length)
        self._sealed = size - self._start
        self.new_size = age.plain_size(self._sealed)
        self._opener: Opener = age.opener(file_key, nonce)
        self._sparse = marker.sparse
        self.segments = max(1, -(-self._sealed // _SEALED_SEGMENT))

    def segment(self, number: int, source: int, target: int, buffers: Buffers) -> int:
        """Open one segment; see `Rewrite.segment`."""
        start = number * _SEALED_SEGMENT
        wanted = min(_SEALED_SEGMENT, self._sealed - start)
        sealed = read(source, buffers.sealed[:wanted], self._start + start, self._beginning)
        final = start + wanted == self._sealed
        try:
            opened = self._opener.open_into(sealed, buffers.plain, number * _CHUNKS, final=final)
        except PayloadError as error:
            raise LeftAlone(Reason.DAMAGED, detail=str(error)) from None
        put = _write_around_holes if self._sparse else write
        put(target, buffers.plain[:opened], number * SEGMENT)
        return wanted

    def finish(self, target: int) -> None:
        """Give a file that ends in a hole its size."""
        if self._sparse:
            os.ftruncate(target, self.new_size)


class Duplication:
    """From plain content to the same, with its holes: for a copy of a file that is not encrypted."""

    def __init__(self, beginning: bytes, size: int, *, sparse: bool) -> None:
        """Take a file of `size` bytes; `beginning` as in `Encryption`."""
        self.new_size = size
        self._beginning = memoryview(beginning)
        self._sparse = sparse
        self.segments = -(-size // SEGMENT)

    def segment(self, number: int, source: int, target: int, buffers: Buffers) -> int:
        """Copy one segment; see `Rewrite.segment`."""
        start = number * SEGMENT
        wanted = min(SEGMENT, self.new_size - start)
        plain = read(source, buffers.plain[:wanted], start, self._beginning)
        put = _write_around_holes if self._sparse else write
        put(target, plain, start)
        return wanted

    def finish(self, target: int) -> None:
        """Give a file that ends in a hole its size."""
        if self._sparse:
            os.ftruncate(target, self.new_size)


def read(fd: int, into: memoryview, offset: int, beginning: memoryview = _NOTHING) -> memoryview:
    """Return a range of a file: from what is known of its beginning, or read `into` a buffer.

    Raises `LeftAlone` with CHANGED_MEANWHILE where the file ends too early.
    """
    end = offset + len(into)
    if end <= len(beginning):
        return beginning[offset:end]
    done = 0
    while done < len(into):
        more = os.preadv(fd, [into[done:]], offset + done)
        if not more:
            raise LeftAlone(Reason.CHANGED_MEANWHILE)
        done += more
    return into


def write(fd: int, data: memoryview | bytes, offset: int) -> None:
    """Write all of `data` at an offset."""
    done = os.pwrite(fd, data, offset)
    while done < len(data):
        done += os.pwrite(fd, data[done:], offset + done)


def write_both(fd: int, prefix: bytes, data: memoryview) -> None:
    """Write the beginning of a file in one call, as most files have no more than that."""
    done = os.pwritev(fd, [prefix, data], 0)
    if done < len(prefix):
        write(fd, prefix[done:], done)
        done = len(prefix)
    if done < len(prefix) + len(data):
        write(fd, data[done - len(prefix) :], done)


def _write_around_holes(fd: int, data: memoryview, offset: int) -> None:
    """Write only what is not zero, in steps of a chunk and, inside a mixed chunk, of a page."""
    step = CHUNK if len(data) > CHUNK else _PAGE
    for start in range(0, len(data), step):
        piece = data[start : start + step]
        if bytes(piece) == _ZEROS[: len(piece)]:
            continue
        if step > _PAGE:
            _write_around_holes(fd, piece, offset + start)
        else:
            write(fd, piece, offset + start)


class Rewriter:
    """Runs a rewrite to its end on up to `threads` threads, stopping between segments if asked to."""

    def __init__(self, threads: int) -> None:
        """Have buffers for that many threads; they are made when first needed."""
        self._threads = threads
        self._buffers = [Buffers()]

    def run(
        self,
        rewrite: Rewrite,
        source: int,
        target: int,
        *,
        check: Callable[[], None],
        count: Callable[[int], None],
    ) -> None:
        """Convert every segment.

        `check` is called before each segment and raises to stop; `count` is told the bytes read.
        """
        if rewrite.segments * SEGMENT < _THREADS_PAY or self._threads == 1:
            for number in range(rewrite.segments):
                check()
                count(rewrite.segment(number, source, target, self._buffers[0]))
                if rewrite.segments > 1:
                    kernel.start_writeback(target, number * SEGMENT, _SEALED_SEGMENT)
        else:
            self._run_threads(rewrite, source, target, check, count)
        rewrite.finish(target)

    def _run_threads(
        self,
        rewrite: Rewrite,
        source: int,
        target: int,
        check: Callable[[], None],
        count: Callable[[int], None],
    ) -> None:
        """Let the threads draw segment numbers until there are none, or one of them fails."""
        while len(self._buffers) < self._threads:
            self._buffers.append(Buffers())
        numbers = iter(range(rewrite.segments))
        lock = threading.Lock()
        failures: list[BaseException] = []

        def work(buffers: Buffers) -> None:
            try:
                while not failures:
                    with lock:
                        number = next(numbers, None)
                    if number is None:
                        return
                    check()
                    done = rewrite.segment(number, source, target, buffers)
                    kernel.start_writeback(target, number * SEGMENT, _SEALED_SEGMENT)
                    with lock:
                        count(done)
            except BaseException as error:  # noqa: BLE001 - carried over to the thread that waits, below
                failures.append(error)

        others = [threading.Thread(target=work, args=(buffers,)) for buffers in self._buffers[1:]]
        for thread in others:
            thread.start()
        work(self._buffers[0])
        for thread in others:
            thread.join()
        if failures:
            raise failures[0]
