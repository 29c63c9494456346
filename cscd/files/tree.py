"""Reaching directories by descriptors, one component after the other, never through a symbolic link.

A path is looked up once, from a directory that we hold; what is swapped under our feet afterwards
leads nowhere, and never out of the tree or onto another filesystem.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from cscd.errors import TargetError
from cscd.files import kernel
from cscd.files.outcome import LeftAlone, Reason

_STEP: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Tree:
    """A directory to work in, held by a descriptor for as long as the work lasts."""

    path: str
    """Absolute, for people; never looked up again."""
    fd: int
    device: int
    inode: int

    @classmethod
    def open(cls, path: str) -> Self:
        """Open the root of a tree.

        Raises `TargetError` where it is not a directory, cannot be read, or is reached through a
        symbolic link: whoever may change that link could otherwise choose what a pass works on.
        """
        absolute = os.path.abspath(path)
        try:
            fd = _walk("/", absolute)
        except NotADirectoryError as error:
            raise TargetError(_why_no_directory(absolute, str(error.filename))) from None
        except OSError as error:
            raise TargetError(f"{absolute}: {os.strerror(error.errno or 0)}") from error
        status = os.fstat(fd)
        return cls(absolute, fd, status.st_dev, status.st_ino)

    def directory(self, path: str) -> int:
        """Open a directory of the tree by its path relative to the root, "" for the root itself.

        The caller closes the descriptor. Nobody is waited for who serves another filesystem.

        Raises OSError, with ENOTDIR where a component is a symbolic link or not a directory, and
        `LeftAlone` where it is on another filesystem.
        """
        fd = _walk_from(self.fd, path, self._refuse_other)
        if os.fstat(fd).st_dev != self.device:
            os.close(fd)
            raise LeftAlone(Reason.OTHER_FILESYSTEM)
        return fd

    def _refuse_other(self, directory: int, name: str) -> None:
        if kernel.device(directory, name) != self.device:
            raise LeftAlone(Reason.OTHER_FILESYSTEM)

    def close(self) -> None:
        """Let go of the root."""
        os.close(self.fd)


def _walk(top: str, path: str) -> int:
    at = os.open(top, _STEP)
    try:
        return _walk_from(at, path)
    finally:
        os.close(at)


def _walk_from(top: int, path: str, check: Callable[[int, str], None] = lambda *_: None) -> int:
    """Open a directory for reading, every component O_NOFOLLOW; `check` is called before each is opened."""
    names = [name for name in path.split("/") if name]
    if not names:
        return os.open(".", _READ, dir_fd=top)
    at = top
    try:
        for name in names[:-1]:
            check(at, name)
            step = os.open(name, _STEP, dir_fd=at)
            if at != top:
                os.close(at)
            at = step
        check(at, names[-1])
        return os.open(names[-1], _READ, dir_fd=at)
    finally:
        if at != top:
            os.close(at)


def _why_no_directory(path: str, component: str) -> str:
    """Say whether a symbolic link is in the way, and then what to give instead."""
    real = os.path.realpath(path)
    if real != path and os.path.isdir(real):
        return f"{path} leads through a symbolic link ({component}); give the real path: {real}"
    return f"{path} is not a directory"
