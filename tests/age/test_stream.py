"""STREAM, chunk by chunk."""

import os
import threading

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st

from cscd.age.stream import CHUNK, SEALED, TAG, Opener, Sealer, plain_size, sealed_size
from cscd.errors import PayloadError

KEY = bytes(range(32))
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5]
CONTENT = os.urandom(max(SIZES))


def seal(plain: bytes, index: int = 0, *, final: bool = True, key: bytes = KEY) -> bytes:
    """Seal a run on its own."""
    out = bytearray(sealed_size(len(plain)))
    size = Sealer(key).seal_into(memoryview(plain), memoryview(out), index, final=final)
    return bytes(out[:size])


def unseal(sealed: bytes, index: int = 0, *, final: bool = True) -> bytes:
    """Open a run on its own."""
    out = bytearray(len(sealed))
    size = Opener(KEY).open_into(memoryview(sealed), memoryview(out), index, final=final)
    return bytes(out[:size])


@pytest.mark.parametrize("size", SIZES)
def test_round_trip(size: int) -> None:
    """Payloads of every size around the chunk's open to what was sealed, and have the predicted size."""
    sealed = seal(CONTENT[:size])
    assert len(sealed) == sealed_size(size)
    assert plain_size(len(sealed)) == size
    assert unseal(sealed) == CONTENT[:size]


@pytest.mark.parametrize("size", SIZES)
def test_runs_join(size: int) -> None:
    """A payload is the same bytes however it was cut into runs of whole chunks."""
    last = max(0, size - 1) // CHUNK * CHUNK
    pieces = [seal(CONTENT[at : at + CHUNK], at // CHUNK, final=False) for at in range(0, last, CHUNK)]
    pieces.append(seal(CONTENT[last:size], last // CHUNK))
    assert b"".join(pieces) == seal(CONTENT[:size])
    opened = [unseal(piece, i, final=piece is pieces[-1]) for i, piece in enumerate(pieces)]
    assert b"".join(opened) == CONTENT[:size]


@given(st.integers(0, 1 << 50))
def test_sizes_are_inverse(size: int) -> None:
    """Both size functions agree about every size."""
    assert plain_size(sealed_size(size)) == size


@given(st.integers(-(1 << 20), 1 << 20))
def test_impossible_sizes(size: int) -> None:
    """A size is either refused or that of a payload."""
    try:
        plain = plain_size(size)
    except PayloadError:
        assert all(sealed_size(candidate) != size for candidate in range(max(0, size - TAG * 20), size))
    else:
        assert sealed_size(plain) == size


@pytest.mark.parametrize("size", [-1, 0, 15, SEALED + 1, SEALED + TAG, 5 * SEALED + TAG])
def test_refuses_impossible_sizes(size: int) -> None:
    """No payload ends within a tag, nor with an empty chunk after a full one."""
    with pytest.raises(PayloadError):
        plain_size(size)


def test_largest_counter() -> None:
    """The chunk counter fills its eleven bytes before it would reach the byte for the last chunk."""
    index = (1 << 88) - 1
    assert unseal(seal(b"x", index), index) == b"x"
    with pytest.raises(OverflowError):
        seal(b"x", index + 1)


SEALED_CONTENT = seal(CONTENT)
CHUNKS = [SEALED_CONTENT[at : at + SEALED] for at in range(0, len(SEALED_CONTENT), SEALED)]
EMPTY_LAST = ChaCha20Poly1305(KEY).encrypt(bytes(10) + b"\x03\x01", b"", None)
FOREIGN = seal(CONTENT, key=bytes(32))


@pytest.mark.parametrize(
    "sealed",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(CHUNKS[0], id="first chunk only"),
        pytest.param(b"".join(CHUNKS[:-1]), id="last chunk missing"),
        pytest.param(b"".join(CHUNKS[1:]), id="first chunk missing"),
        pytest.param(CHUNKS[1] + CHUNKS[0] + CHUNKS[2] + CHUNKS[3], id="swapped"),
        pytest.param(CHUNKS[0] + CHUNKS[0] + b"".join(CHUNKS[1:]), id="repeated"),
        pytest.param(SEALED_CONTENT + b"x", id="extended"),
        pytest.param(SEALED_CONTENT + CHUNKS[3], id="last chunk twice"),
        pytest.param(b"".join(CHUNKS[:-1]) + EMPTY_LAST, id="empty last chunk"),
        pytest.param(SEALED_CONTENT[:-1], id="cut off"),
        pytest.param(b"".join(CHUNKS[:-1]) + CHUNKS[3][:TAG], id="cut off at the tag"),
        pytest.param(FOREIGN, id="of another file"),
        pytest.param(CHUNKS[0] + FOREIGN[SEALED:], id="spliced"),
    ],
)
def test_refuses(sealed: bytes) -> None:
    """A payload that is truncated, reordered, extended or spliced does not open."""
    with pytest.raises(PayloadError):
        unseal(sealed)


def test_last_chunk_is_not_one_in_the_middle() -> None:
    """A chunk sealed as the last does not open as another, nor the other way round."""
    for final in (True, False):
        with pytest.raises(PayloadError):
            unseal(seal(CONTENT[:CHUNK], final=final), final=not final)


@settings(max_examples=50)
@given(st.integers(0, len(SEALED_CONTENT) - 1), st.integers(1, 255))
def test_failure_leaves_nothing_unproven(at: int, change: int) -> None:
    """Any altered byte is found, and the buffer holds the chunks before it and zeros."""
    altered = bytearray(SEALED_CONTENT)
    altered[at] ^= change
    out = bytearray(len(CONTENT))
    with pytest.raises(PayloadError):
        Opener(KEY).open_into(memoryview(altered), memoryview(out), 0, final=True)
    proven = at // SEALED * CHUNK
    assert out == CONTENT[:proven] + bytes(len(CONTENT) - proven)


@pytest.mark.parametrize(
    "size, index, final", [(0, 0, False), (0, 1, True), (1, 0, False), (CHUNK + 1, 0, False)]
)
def test_sealer_refuses_runs_that_no_payload_has(size: int, index: int, final: bool) -> None:
    """A partial chunk before the end, and an empty one at the end, are bugs in the caller."""
    with pytest.raises(ValueError, match="cannot be part"):
        seal(bytes(size), index, final=final)


def test_opener_refuses_partial_runs() -> None:
    """A run that is not the last one is whole chunks, or the caller has a bug."""
    with pytest.raises(ValueError, match="whole chunks"):
        unseal(SEALED_CONTENT[:-1], final=False)


def test_refuses_a_small_buffer() -> None:
    """A buffer without the room is a bug in the caller, and nothing is written past its end."""
    with pytest.raises(ValueError, match="buffer"):
        Sealer(KEY).seal_into(memoryview(b"abc"), memoryview(bytearray(18)), 0, final=True)
    with pytest.raises(ValueError, match="buffer"):
        Opener(KEY).open_into(memoryview(seal(b"abc")), memoryview(bytearray(2)), 0, final=True)


def test_threads_share_a_sealer_and_an_opener() -> None:
    """Runs that several threads seal and open at once, with one key object, come out as one after another."""
    runs, chunks = 8, 16
    content = os.urandom(runs * chunks * CHUNK)
    sealed, opened = bytearray(runs * chunks * SEALED), bytearray(len(content))
    sealer, opener = Sealer(KEY), Opener(KEY)

    def work(run: int) -> None:
        index, plain = run * chunks, slice(run * chunks * CHUNK, (run + 1) * chunks * CHUNK)
        cipher = memoryview(sealed)[index * SEALED : (index + chunks) * SEALED]
        sealer.seal_into(memoryview(content)[plain], cipher, index, final=run == runs - 1)
        opener.open_into(cipher, memoryview(opened)[plain], index, final=run == runs - 1)

    threads = [threading.Thread(target=work, args=(run,)) for run in range(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened == content
    assert sealed == seal(content)
