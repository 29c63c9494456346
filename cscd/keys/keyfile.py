"""Opening a file of keys: what is checked is the open file, never a path that may change afterwards.

An identity that others can read, or could have written, is refused with a word on how to mend that. A
file named by the user may be reached through a link, and may be a pipe, as in ``--identity <(…)``. The
identity that we keep ourselves may be neither.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from cscd.age import KeyIdentity, KeyRecipient, parse_identities, parse_recipients
from cscd.age.keys import MAX_KEY_FILE
from cscd.errors import KeyFault, KeyFileError, KeyFormatError

#: O_NONBLOCK where no pipe is wanted: opening one must not wait for its other end.
_OPEN: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY
_OPEN_OURS: Final = _OPEN | os.O_NOFOLLOW | os.O_NONBLOCK
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file of keys, read whole."""

    path: str
    content: bytes = field(repr=False)
    """It may be secret."""
    device: int
    """With `inode`, what a pass has to spare so that it never encrypts its own keys."""
    inode: int


def read_identities(path: str) -> tuple[KeyFile, list[KeyIdentity]]:
    """Return a file named by the user and the identities in it, at least one.

    Raises KeyFileError for a file that must not be used as it stands, KeyFormatError for one that holds no
    identities.
    """
    fd = _open(path, _OPEN)
    try:
        refuse_exposed(path, os.fstat(fd), ours=False)
        file = _read(path, fd)
    finally:
        os.close(fd)
    return file, identities_of(file)


def read_recipients(path: str) -> tuple[KeyFile, list[KeyRecipient]]:
    """Return a file of recipients, which are public, and the recipients in it, at least one.

    Raises KeyFileError where it cannot be read, KeyFormatError where it holds none.
    """
    fd = _open(path, _OPEN)
    try:
        file = _read(path, fd)
    finally:
        os.close(fd)
    try:
        return file, parse_recipients(file.content)
    except KeyFormatError as error:
        raise KeyFormatError(f"{path}: {error}") from None


def identities_of(file: KeyFile) -> list[KeyIdentity]:
    """Return the identities in a file, at least one; KeyFormatError names the file and the line."""
    try:
        return parse_identities(file.content)
    except KeyFormatError as error:
        raise KeyFormatError(f"{file.path}: {error}") from None


def identity_text(identity: KeyIdentity) -> bytes:
    """Return a file as age-keygen writes it; it holds the secret."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return f"# created: {now}\n# public key: {identity.recipient}\n{identity.encode()}\n".encode()


def export_text(identities: Iterable[KeyIdentity]) -> bytes:
    """Return an age identity file with all of them, in their order; it holds the secrets."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    head = f"# exported: {now}\n# Whoever has this file can read what these keys encrypt.\n"
    pairs = (f"# public key: {each.recipient}\n{each.encode()}\n" for each in identities)
    return (head + "".join(pairs)).encode()


def open_ours(path: str, name: str, directory: int) -> int:
    """Open a key file that we made ourselves, by its name in an open directory; the caller closes it.

    `path` is for messages. Raises FileNotFoundError, and KeyFileError for what we would not have made.
    """
    try:
        fd = os.open(name, _OPEN_OURS, dir_fd=directory)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno == errno.ELOOP:  # O_NOFOLLOW's word for a symbolic link
            raise KeyFileError(
                f"{path} is a symbolic link; put the file itself there", "not_regular", path=path
            ) from error
        raise _failure(path, error) from error
    try:
        refuse_exposed(path, os.fstat(fd), ours=True)
    except BaseException:
        os.close(fd)
        raise
    return fd


def read_ours(path: str, fd: int) -> KeyFile:
    """Read a file that `open_ours` opened."""
    return _read(path, fd)


def refuse_exposed(path: str, status: os.stat_result, *, ours: bool) -> None:
    """Raise KeyFileError for an identity file that somebody else can read or owns.

    `ours` says that it was made by us, so that anything but a regular file of the user's is refused, too.
    """
    if not stat.S_ISREG(status.st_mode):
        if ours or not stat.S_ISFIFO(status.st_mode):
            raise KeyFileError(f"{path} is not a regular file", "not_regular", path=path)
        return
    if status.st_uid != os.geteuid() and (ours or status.st_uid):
        raise KeyFileError(
            f"{path} belongs to another user (uid {status.st_uid}), who can read and replace the identity",
            "wrong_owner",
            path=path,
        )
    if status.st_mode & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        raise KeyFileError(
            f"others can read {path} (mode {mode:04o}); run: chmod 600 {path}",
            "readable_by_others",
            path=path,
        )


@contextlib.contextmanager
def told_as_key_error(path: str) -> Iterator[None]:
    """Raise KeyFileError for a system call that fails where nobody expects it to, such as fstat or close."""
    try:
        yield
    except OSError as error:
        raise _failure(path, error) from error


def _open(path: str, flags: int) -> int:
    try:
        return os.open(path, flags)
    except OSError as error:
        raise _failure(path, error) from error


def _failure(path: str, error: OSError) -> KeyFileError:
    """Say why a key file could not be opened or read."""
    reason: KeyFault = "missing" if error.errno == errno.ENOENT else "unreadable"
    return KeyFileError(f"{path}: {os.strerror(error.errno or 0)}", reason, path=path, errno=error.errno)


def _read(path: str, fd: int) -> KeyFile:
    """Read a file of keys; one byte more than it may have, so that the parser refuses what is too long."""
    status = os.fstat(fd)
    content = b""
    try:
        while len(content) <= MAX_KEY_FILE and (piece := os.read(fd, MAX_KEY_FILE + 1 - len(content))):
            content += piece
    except OSError as error:
        raise _failure(path, error) from error
    return KeyFile(path, content, status.st_dev, status.st_ino)
