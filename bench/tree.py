"""Trees of files: listed, copied, read into the page cache or out of it, compared, removed."""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

from bench import command

CHUNK = 1 << 20
"""Bytes read at once."""
MARK = b"age-encryption.org/v1\n"
"""How every age file begins (C2SP age, section Header)."""


def files(root: Path) -> Iterator[Path]:
    """The regular files below `root`, in a fixed order."""
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            yield Path(folder, name)


def copy(source: Path, target: Path) -> None:
    """Make `target` a copy of the tree `source`, with its times and modes."""
    command.run(["cp", "-a", source, target])


def remove(root: Path) -> None:
    """Remove the tree `root`, if it is there."""
    command.run(["rm", "-rf", "--", root])


def warm(root: Path) -> None:
    """Read every file once, so that its pages are in memory."""
    buffer = bytearray(CHUNK)
    for path in files(root):
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def evict(root: Path) -> None:
    """Drop the pages of every file. They have to be clean: sync first."""
    for path in files(root):
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def difference(left: Path, right: Path) -> str:
    """The first difference in names or content between two trees, `""` if there is none."""
    ours = [path.relative_to(left) for path in files(left)]
    theirs = [path.relative_to(right) for path in files(right)]
    if ours != theirs:
        odd = sorted(set(ours) ^ set(theirs))
        return f"{len(odd)} names differ, the first is {odd[0]}"
    return next((f"{path} differs" for path in ours if not _same(left / path, right / path)), "")


def unencrypted(root: Path) -> int:
    """How many of the files below `root` are not age files."""
    count = 0
    for path in files(root):
        with open(path, "rb", buffering=0) as file:
            count += file.read(len(MARK)) != MARK
    return count


def touch_memory(size: int) -> None:
    """Have the machine find `size` bytes of memory now, and give them back.

    A virtual machine's host hands out memory when it is first touched, at about a second per GiB; whichever
    peer comes first would pay for all of them.
    """
    with mmap.mmap(
        -1, max(size, mmap.PAGESIZE), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE
    ):
        pass


def _same(left: Path, right: Path) -> bool:
    with open(left, "rb", buffering=0) as one, open(right, "rb", buffering=0) as other:
        while True:
            block = one.read(CHUNK)
            if block != other.read(CHUNK):
                return False
            if not block:
                return True
