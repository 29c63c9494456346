"""Encrypting and decrypting takes the same little memory whatever the size of the file."""

import os
import subprocess
import sys
from pathlib import Path

from cscd.age import AgeReader, X25519Identity, encrypt_stream
from tests.age import pipe_end

ROOT = Path(__file__).parent.parent.parent
MIB = 1 << 20
LIMIT = 8 * 1024
"""KiB over the interpreter that a file of 10 GiB may take (the project's promise)."""

NOISE = 1024
"""KiB by which two runs may differ: the allocator's, less than a thousandth of what the second has more."""


def both_ends(size: int) -> tuple[int, int]:
    """Let `size` bytes flow from one process to another; return the KiB that each took."""

    def start(direction: str, stdin: int, stdout: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.age.pipe_end", direction, str(size)]
        return subprocess.Popen(command, cwd=ROOT, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)

    reader, writer = os.pipe()
    with (
        start("encrypt", subprocess.DEVNULL, writer) as encrypting,
        start("decrypt", reader, subprocess.DEVNULL) as decrypting,
    ):
        os.close(writer)
        os.close(reader)
        grown = tuple(int(end.communicate()[1]) for end in (encrypting, decrypting))
    assert encrypting.returncode == decrypting.returncode == 0
    return grown[0], grown[1]


def test_memory_is_constant() -> None:
    """A stream of 4 GiB takes no more memory than one of 32 MiB, and both take less than is promised."""
    small, large = both_ends(32 * MIB), both_ends(4096 * MIB)
    assert max(small + large) <= LIMIT
    assert large[0] - small[0] <= NOISE
    assert large[1] - small[1] <= NOISE


def test_random_access_takes_no_memory_for_what_it_skips(tmp_path: Path) -> None:
    """Reading at the end of a large file holds two chunks, not what comes before them."""
    identity, path = X25519Identity.parse(pipe_end.IDENTITY), tmp_path / "large"
    with path.open("wb") as sink:
        encrypt_stream(pipe_end.Zeros(256 * MIB), sink, [identity.recipient], keep_going=lambda: True)
    with path.open("rb") as source:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak until now (proc(5))
        before = pipe_end.peak()
        reader = AgeReader(source.fileno(), path.stat().st_size, [identity])
        assert reader.read_at(reader.size - 10, 99) == bytes(10)
        assert sum(map(len, reader.chunks())) == 256 * MIB
        assert pipe_end.peak() - before <= LIMIT
