"""The file with the metrics, which node_exporter's textfile collector reads.

The file is replaced as a whole, so that nobody reads half of one. Nothing is synced: after a crash of the
machine the numbers begin anew in any case.

Call `write` in a thread: for 500 users it takes 35 ms of processor time, and the disk may be slow.
"""

import contextlib
import os
from typing import Final

from cscd.daemon.telling.status import Status
from cscd.daemon.telling.totals import Totals

MODE: Final = 0o644
"""node_exporter runs as a user of its own."""

_TEMPORARY: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write(path: str, status: Status, totals: Totals) -> None:
    """Replace the file at `path`. Raises OSError; the file before stays then."""
    # 4 MB that nobody pays for who has no metrics.
    from cscd.daemon.telling.exposition import exposition  # noqa: PLC0415

    _replace(path, exposition(status, totals))


def remove(path: str) -> None:
    """Remove the file, so that nobody takes what it says for what is so. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _replace(path: str, content: bytes) -> None:
    directory, name = os.path.split(path)
    # The directory is often node_exporter's: it is opened once, and what lies in it is never followed.
    place = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    # The collector reads what ends in .prom, so that this one must not.
    temporary = f".{name}.{os.getpid()}.tmp"
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=place)  # of a process that had our number before
        try:
            _fill(os.open(temporary, _TEMPORARY, MODE, dir_fd=place), content)
            os.rename(temporary, name, src_dir_fd=place, dst_dir_fd=place)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=place)
            raise
    finally:
        os.close(place)


def _fill(fd: int, content: bytes) -> None:
    with open(fd, "wb", buffering=0) as file:
        os.fchmod(fd, MODE)  # whatever the umask is
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) or 0 :]
