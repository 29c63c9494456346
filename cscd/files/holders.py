"""Who has an item open, as far as the caller may see it: /proc/<pid>/fd and /proc/<pid>/maps."""

import contextlib
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from cscd.files.outcome import Holder

#: Of one item; more are not of use to anybody.
_MOST: Final = 8
_MAPPED: Final = re.compile(rb"^\S+ \S+ \S+ ([0-9a-f]+):([0-9a-f]+) (\d+) +/")

#: What identifies an open file: device and inode number.
File = tuple[int, int]


def holders(files: Iterable[File]) -> dict[File, tuple[Holder, ...]]:
    """Return the processes that have each of the files open or mapped, ours excepted.

    One look through /proc serves all the files. Processes of other users stay hidden from callers
    without privileges, so an empty answer does not mean that nobody has it open.
    """
    wanted = set(files)
    found: defaultdict[File, list[Holder]] = defaultdict(list)
    for pid in _processes():
        for file in wanted.intersection(_open_files(pid)):
            if len(found[file]) < _MOST:
                found[file].append(Holder(int(pid), _command(pid)))
    return {file: tuple(processes) for file, processes in found.items()}


def _processes() -> Iterator[str]:
    own = str(os.getpid())
    return (name for name in os.listdir("/proc") if name.isdecimal() and name != own)


def _open_files(pid: str) -> set[File]:
    """Return what a process has open or mapped; nothing if it ended or may not be looked at."""
    files: set[File] = set()
    try:
        with os.scandir(f"/proc/{pid}/fd") as descriptors:
            for entry in descriptors:
                with contextlib.suppress(OSError):  # closed meanwhile
                    status = entry.stat()
                    files.add((status.st_dev, status.st_ino))
    except OSError:
        return files
    return files | _mapped_files(pid)


def _mapped_files(pid: str) -> set[File]:
    files: set[File] = set()
    try:
        with open(f"/proc/{pid}/maps", "rb") as maps:
            for line in maps:  # there may be a great many
                if match := _MAPPED.match(line):
                    major, minor, inode = match.groups()
                    files.add((os.makedev(int(major, 16), int(minor, 16)), int(inode)))
    except OSError:
        return files
    return files


def _command(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/comm", "rb") as comm:
            return comm.read().decode(errors="backslashreplace").rstrip("\n")
    except OSError:
        return "?"
