"""The machine key: one age X25519 identity, to which the identities of all users are wrapped.

It is a credential that systemd hands to the service (systemd.exec(5), LoadCredentialEncrypted=; sealed by the
TPM where there is one), else a file that is root's alone, made at the first start. Both hold it as age-keygen
writes it, so that ``age --decrypt --identity machine.key keys/1000/….age`` gives a user's identity without
cscd. A key in both places must be the same: which of two is the one that opens everything would be a guess.

Losing it is losing what it alone wraps. So it is durable before anything is wrapped to it, nothing here ever
replaces one, and where identities are wrapped already, none is made in its place.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from cscd.age import X25519Identity
from cscd.errors import KeyFileError, KeyFormatError
from cscd.keys.keyfile import KeyFile, identities_of, identity_text, told_as_key_error
from cscd.keys.place import Place, told_as_unwritable
from cscd.keys.protector import Protector

_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_WRITABLE: Final = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class MachineKey:
    """The machine key, and where it came from."""

    protector: ClassVar = Protector.MACHINE

    identity: X25519Identity
    source: str
    """The path of the credential or of the file."""
    made: bool = False
    """Whether it was made just now."""


def machine_key(
    credential_directory: str | None, credential: str, file: str, *, may_make: bool = True
) -> MachineKey:
    """Return the machine key: from the credential if the service was given it, else from the file.

    Args:
        credential_directory: $CREDENTIALS_DIRECTORY, None where systemd gave none.
        credential: the name of the credential.
        file: the path of the file that is used where there is no credential.
        may_make: whether a file is made where there is neither. Say no where identities are wrapped already
            (`cscd.keys.wrapped.any_wrapped`): another key would not open them.

    Raises KeyFileError, whose `path` names the credential or the file: `ambiguous` where both are there and
    are not the same, or cannot be seen to be.
    """
    with told_as_key_error(file):
        if credential_directory and (found := in_credential(credential_directory, credential)):
            _refuse_other(found, file)
            return found
        return _from_file(file, may_make=may_make)


def in_file(path: str) -> MachineKey | None:
    """Return the key in the file, None if there is none. Raises KeyFileError."""
    try:
        with _place(path) as place:
            found = place.settled()
            return MachineKey(_only(found), path) if found else None
    except KeyFileError as error:
        if error.reason == "missing":
            return None
        raise


def in_credential(directory: str, name: str) -> MachineKey | None:
    """Return the key that systemd handed over, None if there is none of this name. Raises KeyFileError."""
    try:
        fd = os.open(directory, _OPEN)
    except OSError as error:
        raise _unusable(directory, error) from error
    try:
        place = Place(directory, fd, name)
        found = place.read()
        return MachineKey(_only(found), place.path) if found else None
    finally:
        os.close(fd)


def from_text(content: bytes, source: str) -> MachineKey:
    """Return the key in the content of a credential. Raises KeyFileError, without any of the content."""
    return MachineKey(_only(KeyFile(source, content, 0, 0)), source)


def remove(key: MachineKey) -> None:
    """Remove the file that the key was read from, if it still holds it; for good when this returns.

    Only for whoever has seen that the key is somewhere else. Raises KeyFileError.
    """
    with _place(key.source) as place, told_as_key_error(key.source):
        found = place.read()
        if found is None:
            return
        if _only(found).recipient != key.identity.recipient:
            raise KeyFileError(
                f"{key.source} holds another key by now; it was left as it is", "ambiguous", path=key.source
            )
        with told_as_unwritable(key.source, "removed"):
            os.unlink(place.name, dir_fd=place.fd)
            os.fsync(place.fd)


def _from_file(path: str, *, may_make: bool) -> MachineKey:
    """Return the key in the file, made first if there is none."""
    with _place(path) as place:
        if not may_make:
            return MachineKey(_only(_expected(place)), path)
        found, made = place.keep(lambda: identity_text(X25519Identity.generate()))
        return MachineKey(_only(found), path, made)


@contextlib.contextmanager
def _place(path: str) -> Iterator[Place]:
    """Open the directory of the file. Raises KeyFileError for one in which others could put theirs."""
    directory, name = os.path.split(path)
    try:
        fd = os.open(directory, _OPEN)
    except OSError as error:
        raise _unusable(directory, error) from error
    try:
        _refuse_writable(directory, os.fstat(fd))
        yield Place(directory, fd, name)
    finally:
        os.close(fd)


def _refuse_other(credential: MachineKey, path: str) -> None:
    """Raise KeyFileError where there is a file, and it is not seen to hold the same key."""
    try:
        beside = in_file(path)
    except KeyFileError as error:
        why = str(error)
    else:
        if beside is None or beside.identity.recipient == credential.identity.recipient:
            return
        why = f"{path} holds another key"
    raise KeyFileError(
        f"the machine key is the credential {credential.source}, but {why}"
        "; move away the one that opens nothing",
        "ambiguous",
        path=path,
    )


def _expected(place: Place) -> KeyFile:
    """Return the file that must be there, because something is wrapped to it."""
    found = place.settled()
    if found is None:
        raise KeyFileError(
            f"the machine key {place.path} is not there, and identities may be wrapped to it"
            "; restore it from a backup",
            "missing",
            path=place.path,
        )
    return found


def _only(file: KeyFile) -> X25519Identity:
    """Return the one identity in the file."""
    try:
        identities = identities_of(file)
    except KeyFormatError as error:
        raise KeyFileError(str(error), "damaged", path=file.path) from None
    match identities:
        case [X25519Identity() as identity]:
            return identity
        case _:
            raise KeyFileError(
                f"{file.path} holds {len(identities)} identities; the machine key is one, of type X25519",
                "damaged",
                path=file.path,
            )


def _refuse_writable(path: str, status: os.stat_result) -> None:
    """Raise KeyFileError for a directory in which somebody else could put another key in place of ours."""
    if status.st_uid not in (0, os.geteuid()):
        raise KeyFileError(
            f"the directory of the machine key, {path}, belongs to another user (uid {status.st_uid})",
            "wrong_owner",
            path=path,
        )
    # In a sticky directory (sticky in inode(7)) others can remove nothing of ours, but still put one first.
    if status.st_mode & _WRITABLE:
        raise KeyFileError(
            f"others can write to {path}, the directory of the machine key; run: chmod go-w {path}",
            "readable_by_others",
            path=path,
        )


def _unusable(path: str, error: OSError) -> KeyFileError:
    missing = isinstance(error, FileNotFoundError)
    return KeyFileError(
        f"the directory of the machine key, {path}, cannot be opened: {os.strerror(error.errno or 0)}",
        "missing" if missing else "unreadable",
        path=path,
        errno=error.errno,
    )
