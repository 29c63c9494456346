"""Where the demonstration can be held: a local filesystem with leases, unnamed files and some room."""

import errno
import fcntl
import os
import shutil
import tempfile
from typing import Final

from cscd.cli import quantities
from cscd.errors import TargetError

_LEAST_ROOM: Final = 512 << 20
"""Bytes that must be free."""
_PLACES: Final = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - a directory with a random name is made there


def find() -> str:
    """Return the first usual directory for temporary files that is fit for it. Raises TargetError."""
    places = [tempfile.gettempdir(), *_PLACES]
    for place in places:
        try:
            check(place)
        except (OSError, TargetError):
            continue
        return place
    raise TargetError(
        f"none of {', '.join(dict.fromkeys(places))} has leases, unnamed files and room for the"
        " demonstration; name a directory on a local filesystem: cscd demo --in DIR"
    )


def check(place: str) -> None:
    """Raise TargetError, or OSError, where the demonstration cannot be held."""
    try:
        fd = os.open(place, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
        raise TargetError(f"the filesystem of {place} has no unnamed files (O_TMPFILE)") from None
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError:
        raise TargetError(
            f"the filesystem of {place} has no leases: it cannot tell who has a file open"
        ) from None
    finally:
        os.close(fd)
    if shutil.disk_usage(place).free < _LEAST_ROOM:
        raise TargetError(f"{place} has less than {quantities.size(_LEAST_ROOM)} free")
