"""What is done to files, as inotify(7) sees it: the proof that something was not even opened."""

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IN_ACCESS, IN_MODIFY, IN_ATTRIB, IN_OPEN = 0x1, 0x2, 0x4, 0x20
IN_MOVED, IN_CREATE, IN_DELETE = 0xC0, 0x100, 0x200
"""linux/inotify.h."""
_ANYTHING = IN_ACCESS | IN_MODIFY | IN_ATTRIB | IN_OPEN | IN_MOVED | IN_CREATE | IN_DELETE
_IN_NONBLOCK = os.O_NONBLOCK
_EVENT = struct.Struct("iIII")


class Opens:
    """Watches directories, not what is below them."""

    def __init__(self, mask: int) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._mask = mask
        self._fd = self._libc.inotify_init1(_IN_NONBLOCK)
        self._watched: dict[int, Path] = {}

    def watch(self, directory: Path) -> None:
        """Watch a directory and the files in it."""
        number = self._libc.inotify_add_watch(self._fd, os.fsencode(directory), self._mask)
        if number < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), directory)
        self._watched[number] = directory

    def seen(self) -> set[Path]:
        """Return the files and directories that something was done to since the last call."""
        seen = set()
        while events := self._read():
            at = 0
            while at < len(events):
                number, _, _, length = _EVENT.unpack_from(events, at)
                at += _EVENT.size
                assert number in self._watched, "too much happened to be told"
                seen.add(self._watched[number] / os.fsdecode(events[at : at + length].rstrip(b"\0")))
                at += length
        return seen

    def _read(self) -> bytes:
        try:
            return os.read(self._fd, 1 << 20)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """Stop watching."""
        os.close(self._fd)


@contextmanager
def watching(*directories: Path, mask: int = _ANYTHING) -> Iterator[Opens]:
    """Watch directories until the block ends; by default for everything that can be done to a file."""
    opens = Opens(mask)
    try:
        for directory in directories:
            opens.watch(directory)
        yield opens
    finally:
        opens.close()
