"""Whole age files through pipes: what comes in is read once and in order, in constant memory.

The front door of the package for everything about one file; the parts that are imported here and listed
below live in `filekey` and `reader`.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from cscd.age.armor import ArmorReader, is_armored
from cscd.age.filekey import NONCE, Identity, Recipient, begin, opener, unlock
from cscd.age.intake import Intake, Source
from cscd.age.marker import Marker
from cscd.age.reader import AgeReader, read_header
from cscd.age.stream import CHUNK, SEALED, Opener
from cscd.errors import CancelledError, HeaderError, PayloadError

__all__ = [
    "NONCE",
    "AgeReader",
    "Identity",
    "Recipient",
    "Sink",
    "Source",
    "begin",
    "decrypt_stream",
    "encrypt_stream",
    "opener",
    "read_header",
    "unlock",
]


class Sink(Protocol):
    """Anything to write bytes to, blocking until it takes some."""

    def write(self, data: memoryview, /) -> int | None:
        """Write `data`, or its beginning, and return how many bytes that was; None stands for all."""


def encrypt_stream(
    source: Source,
    sink: Sink,
    recipients: Iterable[Recipient],
    *,
    keep_going: Callable[[], bool],
    marker: Marker | None = None,
) -> None:
    """Encrypt everything in `source` for all `recipients` into `sink`.

    Asks `keep_going` before each chunk of 64 KiB and raises CancelledError when the answer is no; what was
    written by then is not a valid file.
    """
    start, sealer = begin(recipients, marker)
    _write(sink, memoryview(start))
    intake = Intake(source)
    sealed = memoryview(bytearray(SEALED))
    index, final = 0, False
    while not final:
        _ask(keep_going)
        plain = intake.take(CHUNK)
        # Whether a full chunk is the last one shows only when the source has no more.
        final = len(plain) < CHUNK or not intake.peek(CHUNK)
        size = sealer.seal_into(memoryview(plain), sealed, index, final=final)
        _write(sink, sealed[:size])
        index += 1


def decrypt_stream(
    source: Source,
    sink: Sink,
    identities: Iterable[Identity],
    *,
    keep_going: Callable[[], bool],
) -> None:
    """Decrypt the age file in `source`, armored or not, into `sink`.

    Every chunk is written as soon as it is proven genuine, so `sink` has a genuine beginning of the
    plaintext when this raises: HeaderError, MacError and NoMatchError before the first byte, PayloadError
    (or HeaderError, for broken armor) later, CancelledError when `keep_going`, asked before each chunk of
    64 KiB, says no. Only a normal return means that `sink` has it all.
    """
    intake = Intake(source)
    if is_armored(intake):
        intake = Intake(ArmorReader(intake))
    header, _ = read_header(intake.pread)
    file_key = unlock(header, identities)
    intake.take(header.length)
    nonce = intake.take(NONCE)
    if len(nonce) < NONCE:
        raise HeaderError("the file ends before its payload")
    _decrypt_payload(intake, sink, opener(file_key, nonce), keep_going)


def _decrypt_payload(intake: Intake, sink: Sink, chunks: Opener, keep_going: Callable[[], bool]) -> None:
    """Decrypt all chunks; PayloadError unless exactly the last one is sealed as the last one."""
    plain = memoryview(bytearray(CHUNK))
    index, final = 0, False
    while not final:
        _ask(keep_going)
        sealed = memoryview(intake.take(SEALED))
        size, final = _open_next(chunks, sealed, plain, index)
        _write(sink, plain[:size])
        index += 1
    if intake.peek(1):
        raise PayloadError("the file goes on after the end of its payload")


def _open_next(chunks: Opener, sealed: memoryview, plain: memoryview, index: int) -> tuple[int, bool]:
    """Open the next chunk of a stream; return its size and whether it is the last one.

    A chunk that is not full can only be the last; a full one tells by which of the two nonces opens it.
    """
    if len(sealed) == SEALED:
        try:
            return chunks.open_into(sealed, plain, index, final=False), False
        except PayloadError:
            pass
    return chunks.open_into(sealed, plain, index, final=True), True


def _ask(keep_going: Callable[[], bool]) -> None:
    """Raise CancelledError when the caller wants to stop."""
    if not keep_going():
        raise CancelledError("stopped on request")


def _write(sink: Sink, data: memoryview) -> None:
    """Write all of `data`, however little `sink` takes at a time."""
    while data:
        written = sink.write(data)
        if written is None:
            return
        data = data[written:]
