"""Writing the other version, in segments, on one thread or several."""

import os
import random
from pathlib import Path

import pytest

from cscd.age import CHUNK
from cscd.errors import CancelledError
from cscd.files.content import LOOK, examine
from cscd.files.outcome import LeftAlone, Reason
from cscd.files.rewrite import SEGMENT, Decryption, Encryption, Rewriter
from tests.support import passes
from tests.support.passes import ENCRYPTED, UNENCRYPTED

GOAL, BACK = passes.goal(ENCRYPTED), passes.goal(UNENCRYPTED)
SIZES = (1, CHUNK - 1, CHUNK, CHUNK + 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 5 * SEGMENT, 5 * SEGMENT + 7)


class Files:
    """A plain file, its encrypted version, and what comes back."""

    def __init__(self, directory: Path, content: bytes, threads: int = 1) -> None:
        self.content = content
        self.paths = [directory / name for name in ("plain", "sealed", "back")]
        self.paths[0].write_bytes(content)
        self.plain, self.sealed, self.back = (os.open(path, os.O_RDWR | os.O_CREAT) for path in self.paths)
        self.rewriter = Rewriter(threads)
        self.counted = 0

    def count(self, read: int) -> None:
        """Add up what was read."""
        self.counted += read

    def encrypt(self, *, sparse: bool = False) -> bytes:
        """Encrypt all of it, and return the bytes."""
        rewrite = Encryption(GOAL, self.content[:LOOK], len(self.content), sparse=sparse)
        self.rewriter.run(rewrite, self.plain, self.sealed, check=lambda: None, count=self.count)
        sealed = self.paths[1].read_bytes()
        assert len(sealed) == rewrite.new_size
        return sealed

    def decryption(self) -> Decryption:
        """Begin to decrypt what is in the sealed file now."""
        beginning = os.pread(self.sealed, LOOK, 0)
        found = examine(self.sealed, beginning)
        assert found
        return Decryption(self.sealed, beginning, *found, BACK, os.fstat(self.sealed).st_size)

    def decrypt(self) -> bytes:
        """Decrypt all of it, and return the bytes."""
        self.rewriter.run(self.decryption(), self.sealed, self.back, check=lambda: None, count=self.count)
        return self.paths[2].read_bytes()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_there_and_back(tmp_path: Path, size: int, threads: int) -> None:
    """Any size comes back, whichever thread wrote which part, and what was read is counted."""
    files = Files(tmp_path, random.randbytes(size), threads)
    assert passes.plain(files.encrypt()) == files.content
    assert files.counted == size
    assert files.decrypt() == files.content


@pytest.mark.parametrize("sparse", [False, True])
def test_zeros_come_back_as_holes_if_they_were(tmp_path: Path, sparse: bool) -> None:
    """Runs of zeros in the beginning, in the middle and at the end, also inside a chunk."""
    data = random.randbytes(5000)
    content = bytes(SEGMENT) + data + bytes(3 * CHUNK) + data + bytes(SEGMENT + 1)
    files = Files(tmp_path, content)
    assert passes.plain(files.encrypt(sparse=sparse)) == content
    assert files.decrypt() == content
    os.fsync(files.back)
    written = os.fstat(files.back).st_blocks * 512
    assert written <= 8 * 4096 if sparse else written >= len(content)


@pytest.mark.parametrize("threads", [1, 3])
def test_it_stops_between_segments(tmp_path: Path, threads: int) -> None:
    """What `check` raises comes out, after no more than the segments at hand."""
    files = Files(tmp_path, bytes(8 * SEGMENT), threads)
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked > 3:
            raise CancelledError("stopped")

    rewrite = Encryption(GOAL, b"", len(files.content), sparse=False)
    with pytest.raises(CancelledError):
        files.rewriter.run(rewrite, files.plain, files.sealed, check=check, count=files.count)
    assert files.counted <= (3 + threads) * SEGMENT


def test_a_source_that_shrinks_has_changed(tmp_path: Path) -> None:
    """A file that ends before the size that it had is not encrypted as if it were whole."""
    files = Files(tmp_path, bytes(SEGMENT + 100))
    os.truncate(files.plain, SEGMENT)
    with pytest.raises(LeftAlone) as caught:
        files.encrypt()
    assert caught.value.reason is Reason.CHANGED_MEANWHILE


@pytest.mark.parametrize("where", ["first chunk", "last chunk", "truncated", "extended", "swapped"])
@pytest.mark.parametrize("threads", [1, 3])
def test_damage_is_found_wherever_it_is(tmp_path: Path, where: str, threads: int) -> None:
    """No part of a file that is not genuine comes back as if it were."""
    files = Files(tmp_path, random.randbytes(5 * SEGMENT), threads)
    sealed = bytearray(files.encrypt())
    start = len(sealed) - len(files.content) - 16 * (len(files.content) // CHUNK)
    if where == "first chunk":
        sealed[start] ^= 1
    elif where == "last chunk":
        sealed[-1] ^= 1
    elif where == "truncated":
        del sealed[-(CHUNK + 16) :]
    elif where == "extended":
        sealed += bytes(100)
    else:
        step = CHUNK + 16
        one, two = sealed[start : start + step], sealed[start + step : start + 2 * step]
        sealed[start : start + 2 * step] = two + one
    files.paths[1].write_bytes(sealed)
    with pytest.raises(LeftAlone) as caught:
        files.decrypt()
    assert caught.value.reason is Reason.DAMAGED
