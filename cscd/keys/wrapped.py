"""The identities that the service keeps for its users, each wrapped, with its public half beside it.

::

    keys/                      0700 root
        1000/                  0700 root   one user, by uid
            current            the recipient that encrypts now: the content of one of the .pub files
            KEYID.pub          a recipient of this user, ``age1…``
            KEYID.age          its identity, an age file encrypted to the machine key
            KEYID.passphrase.age   the same identity, an age file under a passphrase
            retired/           0700 root   pairs that no item needs any more, as they were

KEYID is the one that marks the items (`cscd.age.key_id`), so that the file for an item is found by its name.
Everything is in standard formats: ``age -R current`` encrypts, ``age -d -i machine.key KEYID.age`` and
``age -d KEYID.passphrase.age`` give the identity.

Why so: an age file under a passphrase cannot have any other recipient (age specification, "scrypt recipient
stanza"), so several wrappings are several files. Adding one is one more file, and any one of them opens.
Another passphrase is a new file renamed over the old one. Rotating adds a pair and renames a new `current`
over the old one; the old pair stays where it is until it is retired, which moves it. Nothing else is ever
moved or replaced, and nothing is removed but a wrapping that is not wanted any more, while another one of the
same key is there.

The order of making is what a crash cannot turn into a loss: first the private half is on the medium, under
every wrapping, then `KEYID.pub`, then `current`, and nobody encrypts to what `current` does not name. A maker
that dies leaves a pair that nobody encrypted to; it is opened like any older one, and in nobody's way.

This module is what can be done without a secret; `usersecrets` is the rest.
"""

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass

from cscd.errors import KeyChangeError, KeyFileError
from cscd.keys import pair, userdirectory
from cscd.keys.keyfile import told_as_key_error
from cscd.keys.pair import Refused, UserKey
from cscd.keys.place import told_as_unwritable
from cscd.keys.protector import Protector
from cscd.keys.userdirectory import UserDirectory
from cscd.keys.wrapping import required_work


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedKey:
    """A key pair of a user, as far as it is known without opening it."""

    key: UserKey
    current: bool
    """Whether it encrypts."""
    retired: bool
    """Whether no item needs it any more; it is opened on request only."""
    protectors: tuple[Protector, ...]
    """What it is wrapped by; nothing where its private half is missing or cannot be used."""
    work_factor: int | None
    """Of the passphrase's wrapping; None where there is none."""


class UserKeys:
    """The keys of all users, without their secrets. Holds nothing open; several threads may use it."""

    def __init__(self, directory: str) -> None:
        """Take the path of ``keys/``, which need not be there."""
        self._directory = directory

    def current(self, uid: int) -> UserKey | None:
        """Return the key that encrypts for a user, None if there is none.

        Raises KeyFileError where it must not be used as it stands: also where its private half is missing.
        """
        with told_as_key_error(self._directory), userdirectory.opened(self._directory, uid) as directory:
            return pair.current(directory) if directory else None

    def listed(self, uid: int, refused: Refused | None = None) -> tuple[ListedKey, ...]:
        """Return all keys of a user: the current one first, then older ones, then retired ones, each by id.

        Args:
            uid: the user.
            refused: is told of each file that cannot be used, and the others are returned. Without it the
                first such file raises KeyFileError.

        A pair without its public half is none yet: its maker died before anybody could encrypt to it.
        """
        with told_as_key_error(self._directory), userdirectory.opened(self._directory, uid) as directory:
            return _listed(directory, refused or pair.reraise) if directory else ()

    def retire(self, uid: int, key_id: str) -> None:
        """Move a pair that no item needs any more out of the way, wrapped as it is.

        Killed in between, the files of the pair lie in both directories, each whole; the key is listed as an
        older one, and doing it again completes it. Raises KeyChangeError for the key that encrypts
        (`is_current`) and for one that is not there (`no_key`), KeyFileError where that cannot be done. One
        that is retired already is left as it is.
        """
        with told_as_key_error(self._directory), userdirectory.opened(self._directory, uid) as directory:
            if directory is None:
                raise _no_key(key_id)
            userdirectory.claim(directory)
            _retire(directory, key_id)


def any_wrapped(directory: str) -> bool:
    """Whether ``keys/`` holds an identity that a machine key must open, or one cannot be sure that not."""
    try:
        uids = [int(name) for name in os.listdir(directory) if name.isascii() and name.isdecimal()]
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return any(_has_wrapped(directory, uid) for uid in uids)


def _has_wrapped(keys: str, uid: int) -> bool:
    try:
        with told_as_key_error(keys), userdirectory.opened(keys, uid) as user:
            if user is None:
                return False
            with pair.with_retired(user, pair.reraise) as directories:
                return any(_wrapped_for_machine(each) for each in directories)
    except KeyFileError:
        return True


def _wrapped_for_machine(directory: UserDirectory) -> bool:
    names = directory.names()
    return any(pair.private_name(each, Protector.MACHINE) in names for each in pair.private_ids(directory))


def _listed(directory: UserDirectory, refused: Refused) -> tuple[ListedKey, ...]:
    current = None
    try:
        current = pair.current(directory)
    except KeyFileError as error:
        refused(error)
    found: dict[str, ListedKey] = {}
    with pair.with_retired(directory, refused) as directories:
        for each in directories:
            for name in pair.public_ids(each):
                if name not in found and (key := _public_half(each, name, refused)):
                    work = _work(directories, name, refused)
                    found[name] = ListedKey(
                        key=key,
                        current=key == current,
                        retired=each is not directory,
                        protectors=tuple(work),
                        work_factor=work.get(Protector.PASSPHRASE),
                    )
    # A stable sort: the current one first, the others as they were found.
    return tuple(sorted(found.values(), key=lambda each: not each.current))


def _public_half(directory: UserDirectory, name: str, refused: Refused) -> UserKey | None:
    try:
        return pair.public_half(directory, name)
    except KeyFileError as error:
        refused(error)
        return None


def _work(directories: Sequence[UserDirectory], name: str, refused: Refused) -> dict[Protector, int | None]:
    """Return what a key is wrapped by, with the work that each asks for.

    The files of a pair that was being retired when the power went lie in both directories.
    """
    work: dict[Protector, int | None] = {}
    for protector, directory in itertools.product(Protector, directories):
        try:
            file = pair.place(directory, pair.private_name(name, protector)).read()
            if file:
                work.setdefault(protector, required_work(file, protector))
        except KeyFileError as error:
            refused(error)
    return work


def _retire(directory: UserDirectory, key_id: str) -> None:
    current = pair.current(directory)
    if current and current.key_id == key_id:
        raise KeyChangeError(f"the key {key_id} encrypts; it cannot be retired", "is_current")
    # The public half last: as long as it is here, the key is listed as one to be retired.
    names = [*pair.private_names(directory, key_id), pair.public_name(key_id)]
    names = [name for name in names if name in directory.names()]
    with userdirectory.below(directory, pair.RETIRED, make=bool(names)) as retired:
        if retired is None or not (names or pair.private_names(retired, key_id)):
            raise _no_key(key_id)
        with told_as_unwritable(directory.path):
            for name in names:
                os.rename(name, name, src_dir_fd=directory.fd, dst_dir_fd=retired.fd)
            os.fsync(retired.fd)
            os.fsync(directory.fd)


def _no_key(key_id: str) -> KeyChangeError:
    return KeyChangeError(f"there is no key {key_id}", "no_key")
