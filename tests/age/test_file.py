"""Whole files through pipes."""

import io
import os
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cscd.age.file import decrypt_stream, encrypt_stream
from cscd.age.filekey import NONCE
from cscd.age.header import parse
from cscd.age.marker import Marker, find
from cscd.age.stream import CHUNK, SEALED
from cscd.age.x25519 import X25519Identity
from cscd.errors import CancelledError, HeaderError, HeaderTruncated, PayloadError

IDENTITY = X25519Identity.generate()
CONTENT = os.urandom(3 * CHUNK + 77)
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, len(CONTENT)]


def keep_going() -> bool:
    """Never stop."""
    return True


def encrypt(plain: bytes) -> bytes:
    """Return `plain` as an age file."""
    sink = io.BytesIO()
    encrypt_stream(io.BytesIO(plain), sink, [IDENTITY.recipient], keep_going=keep_going)
    return sink.getvalue()


class Dribble:
    """A source that hands out a few bytes at a time, and a sink that takes a few."""

    def __init__(self, content: bytes, most: int) -> None:
        self.rest = content
        self.most = most
        self.written = b""

    def read(self, size: int, /) -> bytes:
        """Hand out the next bytes."""
        piece = self.rest[: min(size, self.most)]
        self.rest = self.rest[len(piece) :]
        return piece

    def write(self, data: memoryview, /) -> int:
        """Take the first bytes."""
        self.written += data[: self.most]
        return min(len(data), self.most)


@pytest.mark.parametrize("size", SIZES)
def test_round_trip(size: int) -> None:
    """Content of every size around the chunk's comes back, however little the pipes move at a time."""
    assert decrypted(encrypt(CONTENT[:size])) == (CONTENT[:size], None)
    pipe = Dribble(CONTENT[:size], 1000)
    encrypt_stream(pipe, pipe, [IDENTITY.recipient], keep_going=keep_going)
    back = Dribble(pipe.written, 1000)
    decrypt_stream(back, back, [IDENTITY], keep_going=keep_going)
    assert back.written == CONTENT[:size]


@settings(max_examples=30)
@given(st.binary(max_size=300))
def test_round_trip_of_anything(plain: bytes) -> None:
    """Any content comes back."""
    assert decrypted(encrypt(plain)) == (plain, None)


def decrypted(raw: bytes) -> tuple[bytes, Exception | None]:
    """Return what reaches the sink of a decryption, and the error that ends it."""
    sink = io.BytesIO()
    try:
        decrypt_stream(io.BytesIO(raw), sink, [IDENTITY], keep_going=keep_going)
    except (PayloadError, HeaderError) as error:
        return sink.getvalue(), error
    return sink.getvalue(), None


RAW = encrypt(CONTENT)
PAYLOAD = parse(RAW).length + NONCE


@settings(max_examples=50)
@given(st.integers(PAYLOAD - NONCE, len(RAW) - 1), st.integers(1, 255))
def test_altered(at: int, change: int) -> None:
    """An altered byte ends the stream with an error after a genuine beginning, without one byte more."""
    altered = bytearray(RAW)
    altered[at] ^= change
    plain, error = decrypted(bytes(altered))
    assert isinstance(error, PayloadError)
    assert plain == CONTENT[: max(0, at - PAYLOAD) // SEALED * CHUNK]


@settings(max_examples=50)
@given(st.integers(PAYLOAD, len(RAW) - 1))
def test_truncated(length: int) -> None:
    """A file that ends anywhere too early ends with an error after a genuine beginning."""
    plain, error = decrypted(RAW[:length])
    assert isinstance(error, PayloadError)
    assert plain == CONTENT[: (length - PAYLOAD) // SEALED * CHUNK]


@pytest.mark.parametrize("length", [0, 5, 22, 100, PAYLOAD - NONCE, PAYLOAD - 1])
def test_truncated_before_the_payload(length: int) -> None:
    """A file that ends before its payload ends with a header error and without output."""
    plain, error = decrypted(RAW[:length])
    assert isinstance(error, HeaderError)
    assert plain == b""


def test_extended() -> None:
    """Anything after the last chunk is an error, also where that chunk is full."""
    for raw in (RAW, encrypt(CONTENT[:CHUNK])):
        assert isinstance(decrypted(raw + b"x")[1], PayloadError)
        assert isinstance(decrypted(raw + bytes(SEALED))[1], PayloadError)


def test_stops_between_chunks() -> None:
    """Both directions stop as soon as the caller says so, having written whole chunks."""
    for start in range(4):
        answers = iter([True] * start + [False])
        sink = io.BytesIO()
        with pytest.raises(CancelledError):
            decrypt_stream(io.BytesIO(RAW), sink, [IDENTITY], keep_going=lambda: next(answers))  # noqa: B023 - called within this turn
        assert sink.getvalue() == CONTENT[: start * CHUNK]
        answers = iter([True] * start + [False])
        sink = io.BytesIO()
        with pytest.raises(CancelledError):
            encrypt_stream(io.BytesIO(CONTENT), sink, [IDENTITY.recipient], keep_going=lambda: next(answers))  # noqa: B023 - called within this turn
        assert len(sink.getvalue()) == PAYLOAD + start * SEALED


def test_marker() -> None:
    """A marker given to a stream is in its header."""
    sink, marker = io.BytesIO(), Marker("0123456789abcdef", sparse=True)
    encrypt_stream(io.BytesIO(b"x"), sink, [IDENTITY.recipient], keep_going=keep_going, marker=marker)
    assert find(parse(sink.getvalue())) == marker
    assert decrypted(sink.getvalue()) == (b"x", None)


def test_pipes() -> None:
    """Unbuffered pipes of the operating system serve as source and sink."""
    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0) as source, open(writer, "wb", buffering=0) as sink:

        def feed() -> None:
            encrypt_stream(io.BytesIO(CONTENT), sink, [IDENTITY.recipient], keep_going=keep_going)
            sink.close()

        thread = threading.Thread(target=feed)
        thread.start()
        plain = io.BytesIO()
        decrypt_stream(source, plain, [IDENTITY], keep_going=keep_going)
        thread.join()
    assert plain.getvalue() == CONTENT


def test_not_age() -> None:
    """Something else is a header error, from its first bytes on."""
    assert isinstance(decrypted(b"PK\x03\x04" * 5000)[1], HeaderError)
    assert not isinstance(decrypted(b"PK\x03\x04" * 5000)[1], HeaderTruncated)
