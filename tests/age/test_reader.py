"""Random access to the plaintext of a file."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cscd.age import file
from cscd.age.header import MAX_HEADER
from cscd.age.reader import FIRST_READ, AgeReader, read_header
from cscd.age.stream import CHUNK, SEALED
from cscd.age.x25519 import X25519Identity
from cscd.errors import HeaderError, NoMatchError, PayloadError

IDENTITY = X25519Identity.generate()
CONTENT = os.urandom(3 * CHUNK + 77)


def encrypt(plain: bytes, recipients: int = 1) -> bytes:
    """Return `plain` as an age file."""
    sealed = io.BytesIO()
    file.encrypt_stream(io.BytesIO(plain), sealed, [IDENTITY.recipient] * recipients, keep_going=lambda: True)
    return sealed.getvalue()


def pread_of(raw: bytes) -> Callable[[int, int], bytes]:
    """Return a pread over `raw`."""
    return lambda size, offset: raw[offset : offset + size]


def open_reader(raw: bytes) -> AgeReader:
    """Open the age file `raw`."""
    return AgeReader(pread_of(raw), len(raw), [IDENTITY])


READER = open_reader(encrypt(CONTENT))


@given(st.integers(0, len(CONTENT) + 10), st.integers(0, len(CONTENT) + 10))
def test_read_at(offset: int, length: int) -> None:
    """Reading anywhere gives the bytes there, fewer at the end and none beyond it."""
    assert READER.read_at(offset, length) == CONTENT[offset : offset + length]


@settings(max_examples=30)
@given(st.integers(0, len(CONTENT) + 10), st.none() | st.integers(0, len(CONTENT) + 10))
def test_chunks(start: int, stop: int | None) -> None:
    """Chunks between two offsets join to the bytes between them, and none is larger than 64 KiB."""
    pieces = [bytes(piece) for piece in READER.chunks(start, stop)]
    assert b"".join(pieces) == CONTENT[start:stop]
    assert all(0 < len(piece) <= CHUNK for piece in pieces)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, len(CONTENT)])
def test_sizes(size: int) -> None:
    """Files of every size around the chunk's say their size, verify and read back."""
    reader = open_reader(encrypt(CONTENT[:size]))
    assert reader.size == size
    reader.verify()
    assert reader.read_at(0, size + 1) == CONTENT[:size]


def test_descriptor(tmp_path: Path) -> None:
    """A file descriptor serves as well as a function, and its offset does not matter."""
    path = tmp_path / "item"
    path.write_bytes(encrypt(CONTENT))
    with path.open("rb") as opened:
        opened.seek(123)
        reader = AgeReader(opened.fileno(), path.stat().st_size, [IDENTITY])
        assert reader.read_at(CHUNK - 5, 10) == CONTENT[CHUNK - 5 : CHUNK + 5]


def test_reads_only_what_is_needed() -> None:
    """Reading a few bytes touches the header, the last chunk and the chunk they are in."""
    raw = encrypt(CONTENT)
    asked: list[tuple[int, int]] = []

    def pread(size: int, offset: int) -> bytes:
        asked.append((size, offset))
        return raw[offset : offset + size]

    reader = AgeReader(pread, len(raw), [IDENTITY])
    assert reader.read_at(CHUNK + 5, 3) == CONTENT[CHUNK + 5 : CHUNK + 8]
    assert reader.read_at(CHUNK + 9, 3) == CONTENT[CHUNK + 9 : CHUNK + 12]
    payload = reader.header.length + file.NONCE
    assert asked == [(FIRST_READ, 0), (77 + 16, payload + 3 * SEALED), (SEALED, payload + SEALED)]


@pytest.mark.parametrize("cut", [1, 77 + 16, 77 + 16 + 1, SEALED + 77 + 16, 2 * SEALED, 3 * SEALED + 77 + 15])
def test_truncated(cut: int) -> None:
    """A file cut off anywhere, also between two chunks, is not even opened."""
    with pytest.raises(PayloadError):
        open_reader(encrypt(CONTENT)[:-cut])


def test_extended() -> None:
    """A file with anything after its end is not even opened."""
    raw = encrypt(CONTENT)
    for more in (b"x", bytes(16), raw[-93:], bytes(SEALED)):
        with pytest.raises(PayloadError):
            open_reader(raw + more)


def test_altered_chunk() -> None:
    """An altered chunk fails when it is read or verified; the others stay readable."""
    raw = bytearray(encrypt(CONTENT))
    reader = open_reader(bytes(raw))
    raw[reader.header.length + file.NONCE + SEALED + 9] ^= 1
    reader = open_reader(bytes(raw))
    for _ in range(2):
        with pytest.raises(PayloadError):
            reader.read_at(CHUNK + 1, 1)
    assert reader.read_at(0, CHUNK) == CONTENT[:CHUNK]
    assert reader.read_at(2 * CHUNK, 10) == CONTENT[2 * CHUNK : 2 * CHUNK + 10]
    with pytest.raises(PayloadError):
        reader.verify()


def test_file_that_shrinks() -> None:
    """A file that becomes shorter while it is read is a payload error."""
    raw = encrypt(CONTENT)
    there = len(raw)
    reader = AgeReader(lambda size, offset: raw[offset : min(offset + size, there)], len(raw), [IDENTITY])
    there = len(raw) // 2
    with pytest.raises(PayloadError, match="shorter"):
        reader.verify()


@pytest.mark.parametrize("size", [-1, 0, 100, 199, 200])
def test_size_that_is_not_the_files(size: int) -> None:
    """A size that contradicts the file never opens it."""
    raw = encrypt(b"content")
    with pytest.raises(PayloadError):
        AgeReader(pread_of(raw), size, [IDENTITY])


def test_no_match() -> None:
    """Somebody else's identity does not open the file."""
    raw = encrypt(CONTENT)
    with pytest.raises(NoMatchError):
        AgeReader(pread_of(raw), len(raw), [X25519Identity.generate()])


@pytest.mark.parametrize("recipients", [1, 40, 41, 42, 100])
def test_long_headers(recipients: int) -> None:
    """A header that ends before, at or beyond the first read is found, and its nonce too."""
    raw = encrypt(b"content", recipients)
    assert open_reader(raw).read_at(0, 9) == b"content"
    header, start = read_header(pread_of(raw))
    assert start[: header.length + file.NONCE] == raw[: header.length + file.NONCE]


def test_nonce_cut_off() -> None:
    """A file that ends within the nonce is a header error, as the test kit has it."""
    raw = encrypt(b"")
    with pytest.raises(HeaderError):
        open_reader(raw[: -16 - 1])


def test_endless_header_is_not_read_to_its_end() -> None:
    """A gigabyte of header costs no more than the limit."""
    most = 0

    def pread(size: int, offset: int) -> bytes:
        nonlocal most
        most = max(most, offset + size)
        return (b"age-encryption.org/v1\n-> " + b"a" * size)[offset : offset + size]

    with pytest.raises(HeaderError, match="longer than"):
        AgeReader(pread, 1 << 30, [IDENTITY])
    assert most == MAX_HEADER
