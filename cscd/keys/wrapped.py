"""The identities that the service keeps for its users, each wrapped, with its public half beside it.

::

    keys/                      0700 root
        1000/                  0700 root   one user, by uid
            current            the recipient that encrypts now: the content of one of the .pub files
            KEYID.pub          a recipient of this user, ``age1…``
            KEYID.age          its identity, an age file encrypted to the machine key
            KEYID.WRAPPING.age the same identity under another wrapping, such as ``passphrase``

KEYID is the one that marks the items (`cscd.age.key_id`), so that the file for an item is found by its name.
Everything is in standard formats: ``age -R current`` encrypts, ``age -d -i machine.key KEYID.age`` gives the
identity.

Why so: an age file under a passphrase cannot have any other recipient (age specification, "scrypt recipient
stanza"), so several wrappings are several files. Adding one is one more file, and any one of them opens.
Rotating adds a pair and renames a new `current` over the old one; the old pair stays where it is. Nothing
else is ever moved or replaced.

The order of making is what a crash cannot turn into a loss: first the private half is on the medium, then
`KEYID.pub`, then `current`, and nobody encrypts to what `current` does not name. A maker that dies, or that
comes second, leaves a pair that nobody encrypted to; it is opened like any older one, and in nobody's way.
"""

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cscd.age import X25519Identity, X25519Recipient, key_id, parse_recipients
from cscd.errors import KeyFileError, KeyFormatError
from cscd.keys import userdirectory
from cscd.keys.keyfile import told_as_key_error
from cscd.keys.machine import MachineKey
from cscd.keys.place import Place
from cscd.keys.userdirectory import UserDirectory
from cscd.keys.wrapping import unwrap, wrap

CURRENT: Final = "current"
"""The file that holds the recipient to encrypt to."""

_PRIVATE: Final = re.compile(r"([0-9a-f]{16})(?:\.[a-z]+)?\.age")
_BY_MACHINE: Final = re.compile(r"([0-9a-f]{16})\.age")


@dataclass(frozen=True, slots=True)
class UserKey:
    """A user's public half."""

    key_id: str
    """Names it in the items."""
    recipient: X25519Recipient


class UserKeys:
    """The keys of all users. Holds nothing open; several threads may use it."""

    def __init__(self, directory: str, machine: MachineKey | None) -> None:
        """Take the path of ``keys/``, which need not be there, and the machine key.

        Without a machine key nothing is made or unlocked; what was made before still encrypts.
        """
        self._directory = directory
        self._machine = machine

    def current(self, uid: int) -> UserKey | None:
        """Return the key that encrypts for a user, None if there is none. Opens nothing secret.

        Raises KeyFileError where it must not be used as it stands: also where its private half is missing.
        """
        with told_as_key_error(self._directory), userdirectory.opened(self._directory, uid) as directory:
            return _current(directory) if directory else None

    def keep(self, uid: int) -> tuple[UserKey, bool]:
        """Return the key that encrypts for a user, made first if there is none, and whether it was.

        When two do this at once, both return the one that came first. Waits for the disk, eight times
        where one is made. Raises KeyFileError.
        """
        if found := self.current(uid):
            return found, False
        machine = self._require_machine()
        with told_as_key_error(self._directory), userdirectory.made(self._directory, uid) as directory:
            made = _make(directory, machine)
            found = _current(directory)
        if found is None:
            path = os.path.join(directory.path, CURRENT)
            raise KeyFileError(f"{path} was removed while it was made", "missing", path=path)
        return found, made

    def unlock(
        self, uid: int, refused: Callable[[KeyFileError], None] | None = None
    ) -> tuple[X25519Identity, ...]:
        """Return the identities of a user that the machine key opens, the current one first.

        Args:
            uid: the user.
            refused: is told of each file that cannot be used, and the others are returned. Without it the
                first such file raises.

        Raises KeyFileError: `no_machine_key` where there is none, else what is wrong with a file.
        """
        machine = self._require_machine()
        with told_as_key_error(self._directory), userdirectory.opened(self._directory, uid) as directory:
            return _unlock(directory, machine, refused or _raise) if directory else ()

    def _require_machine(self) -> MachineKey:
        if self._machine is None:
            raise KeyFileError("there is no machine key to wrap or unlock with", "no_machine_key")
        return self._machine


def any_wrapped(directory: str) -> bool:
    """Whether ``keys/`` holds an identity that a machine key must open, or one cannot be sure that not."""
    try:
        uids = [int(name) for name in os.listdir(directory) if name.isascii() and name.isdecimal()]
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return any(_has_wrapped(directory, uid) for uid in uids)


def _has_wrapped(directory: str, uid: int) -> bool:
    try:
        with told_as_key_error(directory), userdirectory.opened(directory, uid) as user:
            return user is not None and any(_BY_MACHINE.fullmatch(name) for name in user.names())
    except KeyFileError:
        return True


def _make(directory: UserDirectory, machine: MachineKey) -> bool:
    """Make a pair and have it encrypt; False if another one does already. See the top for the order."""
    identity = X25519Identity.generate()
    name = key_id(identity.recipient)
    line = f"{identity.recipient}\n".encode()
    _place(directory, f"{name}.age").put(wrap(identity, machine.identity.recipient))
    _place(directory, f"{name}.pub").put(line)
    return _place(directory, CURRENT).put(line)


def _current(directory: UserDirectory) -> UserKey | None:
    """Return the key that encrypts, after looking whether its pair is complete."""
    recipient = _recipient(directory, CURRENT)
    if recipient is None:
        return None
    name = key_id(recipient)
    beside = _recipient(directory, f"{name}.pub")
    if beside is None or not _has_private(directory, name):
        path = os.path.join(directory.path, f"{name}.age" if beside else f"{name}.pub")
        raise KeyFileError(
            f"{path} is missing, though it belongs to the key that encrypts; restore it from a backup",
            "missing",
            path=path,
        )
    _refuse_swapped(os.path.join(directory.path, f"{name}.pub"), beside, recipient)
    return UserKey(name, recipient)


def _has_private(directory: UserDirectory, name: str) -> bool:
    """Whether a key has its private half, under whichever wrapping; it is not opened."""
    found = (
        match[0] for each in directory.names() if (match := _PRIVATE.fullmatch(each)) and match[1] == name
    )
    return any(_is_file(directory, each) for each in found)


def _is_file(directory: UserDirectory, name: str) -> bool:
    try:
        status = os.stat(name, dir_fd=directory.fd, follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size > 0


def _unlock(
    directory: UserDirectory, machine: MachineKey, refused: Callable[[KeyFileError], None]
) -> tuple[X25519Identity, ...]:
    found: list[X25519Identity] = []
    current = None
    try:
        current = _current(directory)
    except KeyFileError as error:
        refused(error)
    for name in directory.names():
        if match := _BY_MACHINE.fullmatch(name):
            try:
                found.append(_identity(directory, match[1], machine))
            except KeyFileError as error:
                refused(error)
    # A stable sort: the current one first, the others by name.
    return tuple(sorted(found, key=lambda each: current is None or each.recipient != current.recipient))


def _identity(directory: UserDirectory, name: str, machine: MachineKey) -> X25519Identity:
    """Open one private half, and be sure that it belongs to its name and to its public half."""
    place = _place(directory, f"{name}.age")
    file = place.read()
    if file is None:
        raise KeyFileError(f"{place.path} was removed meanwhile", "missing", path=place.path)
    identity = unwrap(file, machine.identity)
    public = _recipient(directory, f"{name}.pub")
    if key_id(identity.recipient) != name:
        raise KeyFileError(f"{place.path} holds the identity of another key", "swapped", path=place.path)
    if public is not None:  # it is missing where the maker died in between
        _refuse_swapped(os.path.join(directory.path, f"{name}.pub"), public, identity.recipient)
    return identity


def _recipient(directory: UserDirectory, name: str) -> X25519Recipient | None:
    """Return the one recipient in a file, None if there is no such file."""
    place = _place(directory, name)
    file = place.read()
    if file is None:
        return None
    try:
        recipients = parse_recipients(file.content)
    except KeyFormatError as error:
        raise KeyFileError(f"{place.path} is damaged: {error}", "damaged", path=place.path) from None
    match recipients:
        case [X25519Recipient() as recipient]:
            return recipient
        case _:
            raise KeyFileError(f"{place.path} does not hold one recipient", "damaged", path=place.path)


def _refuse_swapped(path: str, found: X25519Recipient, expected: X25519Recipient) -> None:
    if found != expected:
        raise KeyFileError(f"{path} holds another recipient than it should", "swapped", path=path)


def _place(directory: UserDirectory, name: str) -> Place:
    return Place(directory.path, directory.fd, name)


def _raise(error: KeyFileError) -> None:
    raise error
