"""The user's state directory: ``$XDG_STATE_HOME/cscd``, else ``~/.local/state/cscd``.

It holds the identity, and the index and the lock of each tree. Where it is follows the XDG Base Directory
Specification 0.8. It is the user's alone (mode 0700): whoever could write to it could give the user another
identity to encrypt to.
"""

import errno
import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from cscd.errors import KeyFileError

_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_INDEX: Final = "index-"
"""What the names of the indexes begin with, see `cscd.worker.passes.index`."""


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """The state directory, held open."""

    path: str
    fd: int
    device: int
    inode: int

    @classmethod
    def make(cls, path: str) -> Self:
        """Open the directory, made first if it is not there.

        Raises KeyFileError where that cannot be done, or where it is not the user's alone.
        """
        try:
            return cls.open(path)
        except FileNotFoundError:
            _refuse_foreign_home(path)
        try:
            # makedirs gives parents the default mode; the specification wants 0700 for those, too.
            _make_private(path)
            return cls.open(path)
        except OSError as error:
            raise KeyFileError(
                f"the state directory {path} cannot be made: {os.strerror(error.errno or 0)}"
                "; XDG_STATE_HOME can name another place"
            ) from error

    @classmethod
    def open(cls, path: str) -> Self:
        """Open the directory. Raises FileNotFoundError, and KeyFileError where it is not the user's alone."""
        try:
            fd = os.open(path, _OPEN)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _refusal(path, error) from error
        status = os.fstat(fd)
        try:
            _refuse_shared(path, status)
        except KeyFileError:
            os.close(fd)
            raise
        return cls(path, fd, status.st_dev, status.st_ino)

    def knows_trees(self) -> bool:
        """Whether a pass has been at work with this directory: it then left an index of its tree."""
        return any(name.startswith(_INDEX) for name in os.listdir(self.fd))

    def close(self) -> None:
        """Let go of it."""
        os.close(self.fd)


def default_path(environment: Mapping[str, str]) -> str:
    """Return where this user's state directory is. Raises KeyFileError for a user without a home."""
    base = environment.get("XDG_STATE_HOME", "")
    # "All paths must be absolute. If [one] is relative, [it] should [be] ignored", the specification says.
    if not os.path.isabs(base):
        base = os.path.join(_home(environment), ".local", "state")
    return os.path.join(base, "cscd")


def _home(environment: Mapping[str, str]) -> str:
    home = environment.get("HOME", "")
    if os.path.isabs(home):
        return home
    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        raise KeyFileError(
            "you have no home directory to keep an identity in; set XDG_STATE_HOME to a directory of yours"
        ) from None


def _make_private(path: str) -> None:
    """Make a directory and those above it that are missing, each for the user alone."""
    parent = os.path.dirname(path)
    if parent != path and not os.path.isdir(parent):
        _make_private(parent)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return  # another pass made it just now


def _refuse_foreign_home(path: str) -> None:
    """Raise KeyFileError where the directory would be made inside somebody else's, as by sudo without -H."""
    at = os.path.dirname(path)
    while not os.path.isdir(at):
        at = os.path.dirname(at)
    owner = os.stat(at).st_uid
    if owner not in (0, os.geteuid()):
        raise KeyFileError(
            f"{at} belongs to another user (uid {owner}); set HOME or XDG_STATE_HOME to a directory of yours"
        )


def _refuse_shared(path: str, status: os.stat_result) -> None:
    """Raise KeyFileError where somebody else owns the directory or may look into it."""
    if status.st_uid != os.geteuid():
        raise KeyFileError(
            f"the state directory {path} belongs to another user (uid {status.st_uid})"
            "; set HOME or XDG_STATE_HOME to a directory of yours"
        )
    if status.st_mode & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        raise KeyFileError(
            f"others can look into the state directory {path} (mode {mode:04o}); run: chmod 700 {path}"
        )


def _refusal(path: str, error: OSError) -> KeyFileError:
    # Asked for a directory and no link, Linux says of a link that it is no directory.
    if error.errno in (errno.ENOTDIR, errno.ELOOP) and os.path.islink(path):
        return KeyFileError(f"the state directory {path} is a symbolic link; it must be a directory itself")
    return KeyFileError(
        f"the state directory {path} cannot be used: {os.strerror(error.errno or 0)}"
        "; XDG_STATE_HOME can name another place"
    )
