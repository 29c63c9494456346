"""One end of a pipe through which an age file flows, which reports the memory it took.

``python -m tests.age.pipe_end encrypt SIZE`` writes an age file of SIZE zeros to standard output,
``python -m tests.age.pipe_end decrypt SIZE`` reads one from standard input. Both print to standard error by
how many KiB the peak of their resident memory grew beyond that of the interpreter with its imports.
"""

import sys
from pathlib import Path

from cscd.age import X25519Identity, decrypt_stream, encrypt_stream

IDENTITY = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
"""The example of the age specification; it protects nothing."""


class Zeros:
    """A source of so many zeros."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int, /) -> bytes:
        """Hand out the next zeros."""
        size = min(size, self.left)
        self.left -= size
        return bytes(size)


class Count:
    """A sink that counts what it is given, and keeps none of it."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: memoryview, /) -> None:
        """Count."""
        self.size += len(data)


def peak() -> int:
    """Return the peak of this process's resident memory in KiB (VmHWM, proc(5))."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def main(direction: str, size: int) -> None:
    """Be the one end or the other."""
    identity = X25519Identity.parse(IDENTITY)
    before = peak()
    if direction == "encrypt":
        with open(1, "wb", buffering=0, closefd=False) as sink:
            encrypt_stream(Zeros(size), sink, [identity.recipient], keep_going=lambda: True)
    else:
        count = Count()
        with open(0, "rb", buffering=0, closefd=False) as source:
            decrypt_stream(source, count, [identity], keep_going=lambda: True)
        assert count.size == size
    sys.stderr.write(str(peak() - before))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
