"""Whether there is space for a second copy."""

import os

import pytest

from cscd.files.outcome import LeftAlone, Reason
from cscd.files.room import check_room
from tests.support.mounts import MIB, Mount


@pytest.mark.root
def test_a_copy_fits_if_some_space_stays(small: Mount) -> None:
    """What would take the last of the space is refused, whether large or small."""
    fd = os.open(small.point, os.O_RDONLY)
    room = os.fstatvfs(fd)
    free = room.f_bavail * room.f_frsize
    check_room(fd, 1)
    check_room(fd, free - MIB)
    for size in (free, free - 4096, 100 * MIB):
        with pytest.raises(LeftAlone) as caught:
            check_room(fd, size)
        assert caught.value.reason is Reason.NO_SPACE
    (small.point / "ballast").write_bytes(bytes(free - 4096))
    with pytest.raises(LeftAlone):
        check_room(fd, 1)
    os.close(fd)
