"""Room for a second copy: a conversion must not be what fills the filesystem."""

import os
from typing import Final

from cscd.files.outcome import LeftAlone, Reason

#: What is left to the applications: this share of the filesystem, and no more than that many bytes.
_SHARE: Final = 64
_ENOUGH: Final = 256 << 20


def check_room(fd: int, size: int) -> None:
    """Raise `LeftAlone` with NO_SPACE if a copy of `size` bytes would leave too little where `fd` is.

    Asked for small copies too: many of them are there at the same time, and the answer costs less than
    a microsecond. Quotas are not in it; they answer with EDQUOT when the copy is written.
    """
    room = os.fstatvfs(fd)
    reserve = min(room.f_blocks * room.f_frsize // _SHARE, _ENOUGH)
    if room.f_bavail * room.f_frsize < size + reserve:
        raise LeftAlone(Reason.NO_SPACE)
