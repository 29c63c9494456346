"""Room for a second copy: a conversion must not be what fills the filesystem."""

import os
from typing import Final

from cscd.files.outcome import LeftAlone, Reason

#: Smaller copies are not worth the question.
_ASK_FROM: Final = 1 << 20
#: What is left to the applications: this share of the filesystem, and no more than that many bytes.
_SHARE: Final = 64
_ENOUGH: Final = 256 << 20


def check_room(fd: int, size: int) -> None:
    """Make sure that a copy of `size` bytes leaves enough on the filesystem of `fd`.

    Raises `LeftAlone` with NO_SPACE if it does not.
    """
    if size < _ASK_FROM:
        return
    room = os.fstatvfs(fd)
    reserve = min(room.f_blocks * room.f_frsize // _SHARE, _ENOUGH)
    if room.f_bavail * room.f_frsize < size + reserve:
        raise LeftAlone(Reason.NO_SPACE)
