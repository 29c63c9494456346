"""Opening the wrapped identities of a user: what opens, by which opener, and what is wrong with the rest."""

from collections.abc import Sequence
from contextlib import nullcontext

from cscd.age import X25519Identity
from cscd.errors import KeyChangeError, KeyFileError, PassphraseError
from cscd.keys import pair
from cscd.keys.pair import Refused, UserKey
from cscd.keys.protector import Passphrase
from cscd.keys.userdirectory import UserDirectory
from cscd.keys.wrapping import Wrapper


def unlock(
    directory: UserDirectory, openers: Sequence[Wrapper], refused: Refused, *, retired: bool
) -> tuple[X25519Identity, ...]:
    """Return the identities that any of the openers opens, the current one first.

    `refused` is told of each file that cannot be used, and of each key that is under another passphrase than
    those given. Raises PassphraseError where a passphrase was wrong and nothing opened.
    """
    found: dict[str, X25519Identity] = {}
    wrong: list[KeyFileError] = []
    with pair.with_retired(directory, refused) if retired else nullcontext((directory,)) as directories:
        for each in directories:
            for name in _current_first(each, refused if each is directory else None):
                if name not in found:
                    identity, mistaken = _first(each, name, openers, refused)
                    wrong += mistaken
                    if identity:
                        found[name] = identity
    if wrong and not found:
        raise PassphraseError("the passphrase opens no key of this user")
    for error in wrong:
        refused(error)
    return tuple(found.values())


def require(directory: UserDirectory, name: str, openers: Sequence[Wrapper]) -> None:
    """Be sure that one of the openers opens a key, before it loses another wrapping.

    Raises KeyChangeError where the key has no wrapping of their kinds, PassphraseError for a wrong
    passphrase, and KeyFileError for a file that cannot be used.
    """
    identity, wrong = _first(directory, name, openers, pair.reraise)
    if identity:
        return
    if wrong:
        raise PassphraseError(f"the passphrase does not open the key {name}")
    raise KeyChangeError(
        f"the key {name} has no other wrapping that is known to open; nothing was removed", "last_protector"
    )


def prove(directory: UserDirectory, current: UserKey | None, wrappers: Sequence[Wrapper]) -> None:
    """Be sure that a passphrase that is to wrap a new key is the current key's, if that is under one.

    Raises PassphraseError if it is not, KeyFileError where the file cannot be used.
    """
    for wrapper in wrappers:
        if current and isinstance(wrapper, Passphrase):
            _, wrong = _first(directory, current.key_id, [wrapper], pair.reraise)
            if wrong:
                raise PassphraseError("the passphrase is not the one that the current key is under")


def _current_first(directory: UserDirectory, refused: Refused | None) -> list[str]:
    """Return the ids of the keys whose private halves are there; without `refused` none is current."""
    current = None
    if refused:
        try:
            current = pair.current(directory)
        except KeyFileError as error:
            refused(error)
    return sorted(pair.private_ids(directory), key=lambda name: current is None or name != current.key_id)


def _first(
    directory: UserDirectory, name: str, openers: Sequence[Wrapper], refused: Refused
) -> tuple[X25519Identity | None, list[KeyFileError]]:
    """Return what the first opener that fits opens, else how passphrases were refused; the rest is told."""
    wrong: list[KeyFileError] = []
    for opener in openers:
        try:
            identity = pair.opened(directory, name, opener)
        except KeyFileError as error:
            if error.reason == "wrong_passphrase":
                wrong.append(error)
            else:
                refused(error)
            continue
        if identity:
            return identity, []
    return None, wrong
