"""The identity that a user has without asking for one: made by the first pass, kept in the state directory.

Losing it is losing every file that was encrypted to it. So no file is encrypted before it is on the medium,
and nothing here ever replaces or removes one.
"""

import contextlib
import errno
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cscd.age import X25519Identity
from cscd.errors import KeyFileError
from cscd.keys.directory import StateDirectory
from cscd.keys.keyfile import KeyFile, identities_of, open_ours, read_ours

NAME: Final = "identity"
"""Of the file in the state directory."""


@dataclass(frozen=True, slots=True)
class KeptIdentity:
    """The kept identities: one as made here; a user may have put more of them into the file."""

    file: KeyFile
    identities: tuple[X25519Identity, ...]
    made: bool = False
    """Whether it was made just now."""


def kept(directory: StateDirectory) -> KeptIdentity | None:
    """Return the identity kept in the directory, None if there is none.

    Raises KeyFileError for a file that must not be used as it stands, KeyFormatError for a malformed one.
    """
    path = os.path.join(directory.path, NAME)
    try:
        fd = open_ours(path, NAME, directory.fd)
    except FileNotFoundError:
        return None
    try:
        # Whoever made the file may not have come to this yet, and we are about to rely on it.
        os.fsync(fd)
        os.fsync(directory.fd)
        file = read_ours(path, fd)
    finally:
        os.close(fd)
    return KeptIdentity(file, tuple(identities_of(file)))


def keep(directory: StateDirectory) -> KeptIdentity:
    """Return the identity kept in the directory, made first if there is none.

    When two do this at once, both return the one that came first. Raises as `kept` does, and KeyFileError
    where the file cannot be written.
    """
    found = kept(directory)
    if found:
        return found
    path = os.path.join(directory.path, NAME)
    try:
        made = _make(directory)
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {os.strerror(error.errno or 0)}") from error
    found = kept(directory)
    if found is None:
        raise KeyFileError(f"{path} was removed while it was made")
    return KeptIdentity(found.file, found.identities, made)


def _make(directory: StateDirectory) -> bool:
    """Write a new identity under its name, whole or not at all; False if somebody else was faster."""
    content = _text(X25519Identity.generate())
    try:
        fd = os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=directory.fd)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL):
            raise
        return _make_by_name(directory, content)
    try:
        _write(fd, content)
        return _link(f"/proc/self/fd/{fd}", directory)
    finally:
        os.close(fd)


def _make_by_name(directory: StateDirectory, content: bytes) -> bool:
    """Do the same where the filesystem has no unnamed files."""
    name = f".{NAME}-{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o600, dir_fd=directory.fd)
    try:
        _write(fd, content)
        return _link(name, directory)
    finally:
        os.close(fd)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=directory.fd)


def _link(source: str, directory: StateDirectory) -> bool:
    """Give the written file its name. Unlike rename(2), link(2) never replaces what has that name."""
    try:
        os.link(source, NAME, src_dir_fd=directory.fd, dst_dir_fd=directory.fd, follow_symlinks=True)
    except FileExistsError:
        return False
    return True


def _write(fd: int, content: bytes) -> None:
    """Write a new file whole and make it durable; its mode is 0600 whatever the umask took away."""
    os.fchmod(fd, 0o600)
    while content:
        content = content[os.write(fd, content) :]
    os.fsync(fd)


def _text(identity: X25519Identity) -> bytes:
    """Return a file as age-keygen writes it."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return f"# created: {now}\n# public key: {identity.recipient}\n{identity.encode()}\n".encode()
