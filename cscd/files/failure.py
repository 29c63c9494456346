"""What a failed system call means for the item it failed on: errno becomes a reason in one table."""

import errno
from types import MappingProxyType
from typing import Final

from cscd.files.outcome import Gone, LeftAlone, Reason

_REASONS: Final = MappingProxyType(
    {
        errno.EACCES: Reason.NO_PERMISSION,
        errno.EPERM: Reason.NO_PERMISSION,
        errno.ENOSPC: Reason.NO_SPACE,
        errno.EDQUOT: Reason.NO_SPACE,
        errno.EFBIG: Reason.NO_SPACE,
        errno.EROFS: Reason.READ_ONLY,
        errno.EXDEV: Reason.OTHER_FILESYSTEM,
        errno.ELOOP: Reason.NOT_REGULAR,  # O_NOFOLLOW met a symbolic link
        errno.ENXIO: Reason.NOT_REGULAR,  # a socket, or a device without a driver
        errno.ENODEV: Reason.NOT_REGULAR,
        errno.ETXTBSY: Reason.OPEN_ELSEWHERE,
        errno.EAGAIN: Reason.OPEN_ELSEWHERE,
        errno.EMFILE: Reason.NO_RESOURCES,
        errno.ENFILE: Reason.NO_RESOURCES,
        errno.ENOMEM: Reason.NO_RESOURCES,
    }
)


def consequence(error: OSError) -> LeftAlone | Gone:
    """Return what to raise for an item after `error`: gone, or left alone for a reason."""
    number = error.errno or errno.EIO
    if number in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
        return Gone()
    return LeftAlone(_REASONS.get(number, Reason.IO_ERROR), number)
