"""Leases are read from /proc/locks."""

import fcntl
import os
from pathlib import Path

from bench.lease import leased, parse

LOCKS = """\
1: POSIX  ADVISORY  WRITE 4711 07:00:11 0 EOF
2: LEASE  ACTIVE    WRITE 4711 07:00:12 0 EOF
3: LEASE  BREAKING  READ  4711 07:00:13 0 EOF
3: -> LEASE  BREAKING  READ  99 07:00:14 0 EOF
4: LEASE  ACTIVE    WRITE 4711 fe:10:15 0 EOF
5: LEASE  ACTIVE    WRITE 4711 07:01:16 0 EOF
"""


def test_only_leases_of_that_filesystem_count() -> None:
    """Other locks, waiting processes and other devices do not; a lease that is being broken does."""
    assert parse(LOCKS, os.makedev(7, 0)) == {12, 13}
    assert parse(LOCKS, os.makedev(0xFE, 0x10)) == {15}


def test_a_lease_of_our_own_is_seen(tmp_path: Path) -> None:
    """What the kernel prints is what is parsed."""
    path = tmp_path / "item"
    path.touch()
    status = path.stat()
    with open(path, "rb") as file:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        assert status.st_ino in leased(status.st_dev)
    assert status.st_ino not in leased(status.st_dev)
