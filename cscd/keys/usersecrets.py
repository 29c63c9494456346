"""The secret half of one user's keys: made, opened, wrapped, rotated. For a process that may hold secrets.

What lies where, and why it is made in that order, is told in `wrapped`. Every change can be killed at any
point: each key then opens with its old or its new wrappings, `current` names a whole pair, and doing it again
completes it.

Calls wait for the disk and for each other and, where passphrases are tried or written, for scrypt: about a
second and up to 1 GiB each (`cscd.keys.effort`).
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from cscd.age import X25519Identity, key_id, parse_identities
from cscd.errors import KeyChangeError, KeyFileError, KeyFormatError
from cscd.keys import effort, opening, pair, userdirectory
from cscd.keys.keyfile import told_as_key_error
from cscd.keys.machine import MachineKey
from cscd.keys.pair import CURRENT, Refused, UserKey
from cscd.keys.place import replace, told_as_unwritable
from cscd.keys.protector import Passphrase, Protector
from cscd.keys.userdirectory import UserDirectory
from cscd.keys.wrapping import Wrapper, wrap


@dataclass(frozen=True, slots=True)
class Protected:
    """What came of wrapping the keys of a user."""

    key_ids: tuple[str, ...]
    """Those that have the wrapping now."""
    left: tuple[str, ...]
    """Those whose identity was not at hand: they keep the wrappings that they have."""
    work_factor: int | None
    """Of a passphrase's wrapping."""


class UserSecrets:
    """The identities of one user. Keeps none of them, and holds nothing open."""

    def __init__(
        self, directory: str, uid: int, *, work_factor: Callable[[], int] = effort.work_factor
    ) -> None:
        """Take the path of ``keys/``, the user, and what says how much work a passphrase shall be."""
        self._keys = directory
        self._uid = uid
        self._work_factor = work_factor

    def make(self, *wrappers: Wrapper) -> tuple[UserKey, bool]:
        """Return the key that encrypts, made first under all wrappers if there is none, and whether it was.

        When two do this at once, both return the one that came first. Raises KeyFileError.
        """
        with self._claimed(make=True) as directory:
            if found := pair.current(directory):
                return found, False
            return self._begin(directory, wrappers), True

    def unlock(
        self, *openers: Wrapper, refused: Refused | None = None, retired: bool = False
    ) -> tuple[X25519Identity, ...]:
        """Return the identities that any of the openers opens, the current one first.

        Args:
            openers: machine key and passphrases; tried in this order on each key.
            refused: is told of each file that cannot be used, and of each key that is under another
                passphrase (`wrong_passphrase`); the others are returned. Without it the first such file
                raises.
            retired: whether the retired ones are opened, too; they come last.

        Returns nothing where no key has a wrapping of the openers' kinds. Raises PassphraseError where a
        passphrase was tried and nothing opened, else KeyFileError.
        """
        with told_as_key_error(self._keys), userdirectory.opened(self._keys, self._uid) as directory:
            if directory is None:
                return ()
            return opening.unlock(directory, openers, refused or pair.reraise, retired=retired)

    def protect(self, wrapper: Wrapper, identities: Iterable[X25519Identity]) -> Protected:
        """Give the keys a wrapping, in place of one of the same kind that they have.

        All that is not retired and whose identity is given. What takes time comes first, then all get their
        names in a row; killed there, some are under the old and some under the new passphrase, so that to
        do it again both must be given to `unlock`. Raises KeyFileError.
        """
        at_hand = {key_id(each.recipient): each for each in identities}
        wrapped = {name: wrap(each, wrapper, self._work_factor) for name, each in at_hand.items()}
        with self._claimed() as directory:
            names = pair.private_ids(directory)
            done = tuple(name for name in at_hand if name in names)
            for (
                name
            ) in done:  # one that its maker died over gets its public half, and can be listed and retired
                pair.place(directory, pair.public_name(name)).put(pair.line(at_hand[name].recipient))
            files = {pair.private_name(name, wrapper.protector): wrapped[name] for name in done}
            replace(directory.path, directory.fd, files)
        left = tuple(name for name in names if name not in at_hand)
        return Protected(done, left, self._work_factor() if isinstance(wrapper, Passphrase) else None)

    def unprotect(self, protector: Protector, *openers: Wrapper) -> tuple[str, ...]:
        """Remove a kind of wrapping from the keys that are not retired, and return which had it.

        Before anything is removed, each must open with one of the openers of another kind. Raises
        KeyChangeError, `last_protector`, where a key has no such wrapping, PassphraseError for a wrong
        passphrase, and KeyFileError.
        """
        others = [opener for opener in openers if opener.protector is not protector]
        with self._claimed() as directory:
            names = directory.names()
            having = [
                name for name in pair.private_ids(directory) if pair.private_name(name, protector) in names
            ]
            for name in having:
                opening.require(directory, name, others)
            with told_as_unwritable(directory.path):
                for name in having:
                    os.unlink(pair.private_name(name, protector), dir_fd=directory.fd)
                os.fsync(directory.fd)
        return tuple(having)

    def rotate(self, *wrappers: Wrapper) -> UserKey:
        """Make a new pair under all wrappers, and have it encrypt from now on.

        Raises KeyChangeError, `no_key`, where there is none to take the place of; PassphraseError where the
        current key is under another passphrase than the one given; KeyFileError.
        """
        with self._claimed() as directory:
            current = pair.current(directory)
            if current is None:
                raise _no_key()
            opening.prove(directory, current, wrappers)
            return self._begin(directory, wrappers)

    def adopt(self, text: bytes, *wrappers: Wrapper) -> tuple[UserKey, bool]:
        """Take over the one identity in an age identity file and have it encrypt; say whether it is new here.

        Older keys stay. Raises KeyChangeError, `does_not_fit`, for a text that is no such file and for the
        identity of another user; PassphraseError and KeyFileError as `rotate` does.
        """
        identity = _only(text)
        name = key_id(identity.recipient)
        with self._claimed(make=True) as directory:
            if pair.belongs_to_another(self._keys, self._uid, name):
                raise KeyChangeError("this identity is another user's", "does_not_fit")
            if any(
                isinstance(each, MachineKey) and each.identity.recipient == identity.recipient
                for each in wrappers
            ):
                raise KeyChangeError("this identity is the machine key", "does_not_fit")
            opening.prove(directory, _current_if_whole(directory), wrappers)
            known = pair.public_half(directory, name)
            return self._begin(directory, wrappers, identity), known is None

    @contextmanager
    def _claimed(self, *, make: bool = False) -> Iterator[UserDirectory]:
        """Have the user's directory for oneself. Raises KeyChangeError where there is none and no new one."""
        how = userdirectory.made if make else userdirectory.opened
        with told_as_key_error(self._keys), how(self._keys, self._uid) as directory:
            if directory is None:
                raise _no_key()
            userdirectory.claim(directory)
            yield directory

    def _begin(
        self, directory: UserDirectory, wrappers: Sequence[Wrapper], adopted: X25519Identity | None = None
    ) -> UserKey:
        """Put a pair there, a new one if none is given, and have it encrypt; see `wrapped` for the order."""
        if not wrappers:
            raise ValueError("a key needs something that wraps it")
        identity = adopted or X25519Identity.generate()
        key = UserKey(key_id(identity.recipient), identity.recipient)
        files = {
            pair.private_name(key.key_id, each.protector): wrap(identity, each, self._work_factor)
            for each in wrappers
        }
        try:
            replace(directory.path, directory.fd, files)
            pair.place(directory, pair.public_name(key.key_id)).put(pair.line(key.recipient))
        except KeyFileError:
            if adopted is None:  # nobody can have encrypted to it
                _discard(directory, [*files, pair.public_name(key.key_id)])
            raise
        replace(directory.path, directory.fd, {CURRENT: pair.line(key.recipient)})
        return key


def _discard(directory: UserDirectory, names: Iterable[str]) -> None:
    for name in names:
        with suppress(OSError):
            os.unlink(name, dir_fd=directory.fd)


def _current_if_whole(directory: UserDirectory) -> UserKey | None:
    """Return the current key, None also for one that has lost a half: an import may be what mends that."""
    try:
        return pair.current(directory)
    except KeyFileError as error:
        if error.reason != "missing":
            raise
        return None


def _only(text: bytes) -> X25519Identity:
    """Return the one identity in the text. Errors do not carry the text, which is secret."""
    try:
        identities = parse_identities(text)
    except KeyFormatError as error:
        raise KeyChangeError(f"this is no age identity file: {error}", "does_not_fit") from None
    match identities:
        case [X25519Identity() as identity]:
            return identity
        case [_]:
            raise KeyChangeError("only X25519 identities can be a user's key", "does_not_fit")
        case _:
            raise KeyChangeError(
                f"the file holds {len(identities)} identities; import one at a time, the one to use last",
                "does_not_fit",
            )


def _no_key() -> KeyChangeError:
    return KeyChangeError("this user has no key yet", "no_key")
