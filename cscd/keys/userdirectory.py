"""One user's directory of keys, ``keys/UID``: made by us, closed to everybody else, held open.

It is reached from the directory above it, by a name that is a number, and never through a link. Everything
in it is then reached from its descriptor: no path is walked twice. Whoever changes what is in it has it for
itself meanwhile; whoever only reads need not wait, for every file is whole at every instant.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cscd.errors import KeyFileError
from cscd.keys.place import sweep, told_as_unwritable

_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class UserDirectory:
    """The directory, or one in it, open as long as the function that gave it has it so."""

    path: str
    fd: int

    def names(self) -> list[str]:
        """Return what is in it. Raises KeyFileError."""
        try:
            return sorted(os.listdir(self.fd))
        except OSError as error:
            raise _unusable(self.path, error) from error


@contextlib.contextmanager
def opened(keys: str, uid: int) -> Iterator[UserDirectory | None]:
    """Open a user's directory below `keys`; None if there is none. Raises KeyFileError."""
    try:
        above = _open(keys, keys)
    except FileNotFoundError:
        yield None
        return
    try:
        fd = _open_below(keys, above, uid)
    finally:
        os.close(above)
    if fd is None:
        yield None
        return
    try:
        yield UserDirectory(_path(keys, uid), fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def made(keys: str, uid: int) -> Iterator[UserDirectory]:
    """Open a user's directory, made first, with the one above it, if it is not there; both are durable.

    Raises KeyFileError.
    """
    with told_as_unwritable(_path(keys, uid), "made"):
        _make(keys, uid)
    with opened(keys, uid) as directory:
        if directory is None:
            path = _path(keys, uid)
            raise KeyFileError(f"{path} was removed while it was made", "missing", path=path)
        yield directory


def claim(directory: UserDirectory) -> None:
    """Have the directory for oneself until it is closed; waits for others who have it.

    What they left because they were killed is removed. Raises KeyFileError.
    """
    with told_as_unwritable(directory.path):
        fcntl.flock(directory.fd, fcntl.LOCK_EX)
        sweep(directory.fd)


@contextlib.contextmanager
def below(directory: UserDirectory, name: str, *, make: bool = False) -> Iterator[UserDirectory | None]:
    """Open a directory in a user's, made first and durable if asked for; None if there is none.

    Raises KeyFileError.
    """
    path = os.path.join(directory.path, name)
    if make:
        with told_as_unwritable(path, "made"):
            _make_in(directory.fd, name)
    try:
        fd = _open(name, path, directory.fd)
    except FileNotFoundError:
        yield None
        return
    try:
        yield UserDirectory(path, fd)
    finally:
        os.close(fd)


def _make(keys: str, uid: int) -> None:
    """Make both directories, or be sure that those who did so finished: their names are on the medium."""
    parent, name = os.path.split(keys)
    above = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _make_in(above, name)
    finally:
        os.close(above)
    fd = _open(keys, keys)
    try:
        _make_in(fd, str(uid))
    finally:
        os.close(fd)


def _make_in(directory: int, name: str) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=directory)
    os.fsync(directory)


def _open_below(keys: str, above: int, uid: int) -> int | None:
    try:
        return _open(str(uid), _path(keys, uid), above)
    except FileNotFoundError:
        return None


def _open(name: str, path: str, above: int | None = None) -> int:
    """Open a directory that is ours alone. Raises FileNotFoundError, and KeyFileError for any other."""
    try:
        fd = os.open(name, _OPEN, dir_fd=above)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        _refuse_shared(path, os.fstat(fd))
    except BaseException:
        os.close(fd)
        raise
    return fd


def _refuse_shared(path: str, status: os.stat_result) -> None:
    """Raise KeyFileError where somebody else owns the directory or may look into it."""
    if status.st_uid != os.geteuid():
        raise KeyFileError(f"{path} belongs to another user (uid {status.st_uid})", "wrong_owner", path=path)
    if status.st_mode & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        raise KeyFileError(
            f"others can look into {path} (mode {mode:04o}); run: chmod 700 {path}",
            "readable_by_others",
            path=path,
        )


def _path(keys: str, uid: int) -> str:
    return os.path.join(keys, str(uid))


def _unusable(path: str, error: OSError) -> KeyFileError:
    # Asked for a directory and no link, Linux says of a link, as of a file, that it is no directory.
    wrong_kind = isinstance(error, NotADirectoryError)
    return KeyFileError(
        f"{path} cannot be used: {os.strerror(error.errno or 0)}",
        "not_regular" if wrong_kind else "unreadable",
        path=path,
        errno=error.errno,
    )
