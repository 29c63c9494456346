"""The files of one key pair in a user's directory, by the id of the key; see `wrapped` for the layout."""

import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from cscd.age import X25519Identity, X25519Recipient, key_id, parse_recipients
from cscd.errors import KeyFileError, KeyFormatError
from cscd.keys.place import Place
from cscd.keys.protector import Protector
from cscd.keys.userdirectory import UserDirectory, below
from cscd.keys.wrapping import Wrapper, unwrap

CURRENT: Final = "current"
"""The file that holds the recipient to encrypt to."""

RETIRED: Final = "retired"
"""The directory of the pairs that no item needs any more."""

Refused = Callable[[KeyFileError], None]
"""Is told of a file that cannot be used; what it does not raise, is passed over."""

_PUBLIC: Final = re.compile(r"([0-9a-f]{16})\.pub")
_PRIVATE: Final = re.compile(r"([0-9a-f]{16})(?:\.[a-z]+)?\.age")
_ENDINGS: Final = {Protector.MACHINE: ".age", Protector.PASSPHRASE: ".passphrase.age"}


@dataclass(frozen=True, slots=True)
class UserKey:
    """A user's public half."""

    key_id: str
    """Names it in the items."""
    recipient: X25519Recipient


def public_name(name: str) -> str:
    """Return the name of the file with the public half of a key."""
    return f"{name}.pub"


def private_name(name: str, protector: Protector) -> str:
    """Return the name of the file with a key's private half under a wrapping."""
    return name + _ENDINGS[protector]


def public_ids(directory: UserDirectory) -> list[str]:
    """Return the ids of the keys whose public half is in a directory, in order. Raises KeyFileError."""
    return [match[1] for name in directory.names() if (match := _PUBLIC.fullmatch(name))]


def private_ids(directory: UserDirectory) -> list[str]:
    """Return the ids of the keys whose private half is there, under whichever wrapping, in order."""
    found = {match[1] for name in directory.names() if (match := _PRIVATE.fullmatch(name))}
    return sorted(found)


def private_names(directory: UserDirectory, name: str) -> list[str]:
    """Return the names of the files with a key's private half, under whichever wrappings."""
    return [each for each in directory.names() if (match := _PRIVATE.fullmatch(each)) and match[1] == name]


def has_private(directory: UserDirectory, name: str) -> bool:
    """Whether a key has its private half, under whichever wrapping; it is not opened."""
    return any(_is_file(directory, each) for each in private_names(directory, name))


@contextmanager
def with_retired(directory: UserDirectory, refused: Refused) -> Iterator[tuple[UserDirectory, ...]]:
    """Give a user's directory, and after it the one of retired pairs, if there is one that can be used."""
    with ExitStack() as stack:
        retired = None
        try:
            retired = stack.enter_context(below(directory, RETIRED))
        except KeyFileError as error:
            refused(error)
        yield (directory, retired) if retired else (directory,)


def belongs_to_another(keys: str, uid: int, name: str) -> bool:
    """Whether a key lies in the directory of another user than `uid`, below `keys`, retired or not.

    Goes by the names of files alone, so that it is true also of one that cannot be used. Raises OSError.
    """
    others = [each for each in os.listdir(keys) if each.isdecimal() and each != str(uid)]
    places = [os.path.join(keys, each, *below) for each in others for below in ((), (RETIRED,))]
    return any(_names_key(path, name) for path in places)


def reraise(error: KeyFileError) -> None:
    """Stop at a file that cannot be used: what to do where nobody wants to be told of it."""
    raise error


def place(directory: UserDirectory, name: str) -> Place:
    """Return the place of a file in the directory."""
    return Place(directory.path, directory.fd, name)


def line(recipient: X25519Recipient) -> bytes:
    """Return what a file with a public half holds."""
    return f"{recipient}\n".encode()


def current(directory: UserDirectory) -> UserKey | None:
    """Return the key that encrypts, after looking whether its pair is complete; None if there is none.

    Raises KeyFileError.
    """
    recipient = read_recipient(directory, CURRENT)
    if recipient is None:
        return None
    name = key_id(recipient)
    beside = read_recipient(directory, public_name(name))
    if beside is None or not has_private(directory, name):
        missing = private_name(name, Protector.MACHINE) if beside else public_name(name)
        path = os.path.join(directory.path, missing)
        raise KeyFileError(
            f"{path} is missing, though it belongs to the key that encrypts; restore it from a backup",
            "missing",
            path=path,
        )
    _refuse_swapped(os.path.join(directory.path, public_name(name)), beside, recipient)
    return UserKey(name, recipient)


def public_half(directory: UserDirectory, name: str) -> UserKey | None:
    """Return the public half of a key, None if there is none. Raises KeyFileError."""
    recipient = read_recipient(directory, public_name(name))
    if recipient is None:
        return None
    if key_id(recipient) != name:
        path = os.path.join(directory.path, public_name(name))
        raise KeyFileError(f"{path} holds another recipient than it should", "swapped", path=path)
    return UserKey(name, recipient)


def opened(directory: UserDirectory, name: str, opener: Wrapper) -> X25519Identity | None:
    """Open a private half, and be sure that it belongs to its name and to its public half.

    Returns None if the key has no wrapping of the opener's kind. Raises KeyFileError.
    """
    private = place(directory, private_name(name, opener.protector))
    file = private.read()
    if file is None:
        return None
    identity = unwrap(file, opener)
    if key_id(identity.recipient) != name:
        raise KeyFileError(f"{private.path} holds the identity of another key", "swapped", path=private.path)
    public = read_recipient(directory, public_name(name))
    if public is not None:  # it is missing where the maker died in between
        _refuse_swapped(os.path.join(directory.path, public_name(name)), public, identity.recipient)
    return identity


def read_recipient(directory: UserDirectory, name: str) -> X25519Recipient | None:
    """Return the one recipient in a file, None if there is no such file. Raises KeyFileError."""
    at = place(directory, name)
    file = at.read()
    if file is None:
        return None
    try:
        recipients = parse_recipients(file.content)
    except KeyFormatError as error:
        raise KeyFileError(f"{at.path} is damaged: {error}", "damaged", path=at.path) from None
    match recipients:
        case [X25519Recipient() as recipient]:
            return recipient
        case _:
            raise KeyFileError(f"{at.path} does not hold one recipient", "damaged", path=at.path)


def _refuse_swapped(path: str, found: X25519Recipient, expected: X25519Recipient) -> None:
    if found != expected:
        raise KeyFileError(f"{path} holds another recipient than it should", "swapped", path=path)


def _names_key(path: str, name: str) -> bool:
    """Whether one of the files in a directory is of that key."""
    try:
        return any(each.startswith(f"{name}.") for each in os.listdir(path))
    except FileNotFoundError:
        return False


def _is_file(directory: UserDirectory, name: str) -> bool:
    try:
        status = os.stat(name, dir_fd=directory.fd, follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size > 0
