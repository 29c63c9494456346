"""A file for a secret key, made for a person: whole, durable, closed to others, never over another one."""

import errno
import os
from typing import Final

from cscd.errors import KeyFileError
from cscd.keys.place import Place

_NO_LINKS: Final = (errno.EPERM, errno.EOPNOTSUPP)
"""What a filesystem without modes or hard links, such as FAT, answers (link(2), chmod(2))."""


def put(path: str, content: bytes) -> None:
    """Write a new file, whole and durable. Raises KeyFileError, and OSError for its directory."""
    directory, name = os.path.split(path)
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        made = Place(directory, fd, name).put(content)
    except KeyFileError as error:
        if error.errno not in _NO_LINKS:
            raise
        raise KeyFileError(
            f"{error}; this filesystem may not keep a file closed to others:"
            " give a place on another one, and copy it from there",
            "unwritable",
        ) from error
    finally:
        os.close(fd)
    if not made:
        raise KeyFileError(f"{path} is there already and was left as it is; name another file: --output FILE")
