"""The log in a file of JSON lines, with the files that logrotate(8) has put aside."""

import gzip
import os
import re
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Final

from cscd.cli.journalctl import LAST
from cscd.cli.wanted import Wanted
from cscd.events.record import Record

_ROTATED: Final = re.compile(r"(?:\.\d+|-\d{8}(?:\d{2}|-\d+)?)(?:\.gz)?")
"""What logrotate appends: a number, or with `dateext` a date; and what gzip does."""

_PAUSE: Final = 0.25
"""Seconds between looks at a file that is followed: a line is shown as soon as a person could notice."""


def records(path: str, wanted: Wanted, *, follow: bool) -> Iterator[Record]:
    """Yield the records of a file and of its rotated predecessors, oldest first.

    With `follow` and no beginning, the last few come first, then those that come.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        found = (
            record for line in _lines(path, file, wanted) if (record := _read(line)) and wanted.has(record)
        )
        yield from deque(found, LAST) if follow and not wanted.since else found
        if follow:
            yield from _following(path, file, wanted)


def _lines(path: str, file: IO[bytes], wanted: Wanted) -> Iterator[bytes]:
    """Yield the lines of the rotated files that reach into the time asked for, then those of the file."""
    earliest = wanted.since.timestamp() if wanted.since else 0.0
    for older in _rotated(path, os.fstat(file.fileno()), earliest):
        with (
            suppress(OSError, EOFError),
            gzip.open(older) if older.endswith(".gz") else open(older, "rb") as old,
        ):
            yield from old
    yield from file


def _rotated(path: str, current: os.stat_result, earliest: float) -> list[str]:
    """Return the rotated files that were written to since a time, the oldest first.

    The file that is open already is none of them, even if it was rotated a moment ago.
    """
    directory, name = os.path.split(path)
    found = []
    with os.scandir(directory or ".") as entries:
        for entry in entries:
            suffix = entry.name.removeprefix(name)
            if suffix == entry.name or not _ROTATED.fullmatch(suffix):
                continue
            with suppress(OSError):  # rotated further meanwhile
                status = entry.stat()
                if status.st_mtime >= earliest and not os.path.samestat(status, current):
                    found.append((status.st_mtime, os.path.join(directory, entry.name)))
    return [older for _, older in sorted(found)]


def _following(path: str, file: IO[bytes], wanted: Wanted) -> Iterator[Record]:
    """Yield what is appended, also after the file has been rotated."""
    current: IO[bytes] = file
    rest = b""
    while True:
        # Looked at before reading: what was written until the rotation is read to its end.
        moved = _moved(path, current)
        rest += current.read()
        *lines, rest = rest.split(b"\n")
        for line in lines:
            if (record := _read(line)) and wanted.has(record):
                yield record
        if moved:
            with suppress(OSError):  # not made yet
                newer = open(path, "rb")  # noqa: SIM115 - it takes the place of the one before
                current.close()
                current, rest = newer, b""
        elif not lines:
            time.sleep(_PAUSE)


def _moved(path: str, file: IO[bytes]) -> bool:
    """Whether another file is at the path, or this one was emptied (copytruncate)."""
    ours = os.fstat(file.fileno())
    if ours.st_size < file.tell():
        return True
    try:
        there = os.stat(path)
    except OSError:
        return False
    return (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino)


def _read(line: bytes) -> Record | None:
    """Return the record of a line, None if it is none: torn by a full disk, or not ours."""
    try:
        return Record.from_line(line)
    except ValueError:
        return None
