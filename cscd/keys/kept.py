"""The identity that a user has without asking for one: made by the first pass, kept in the state directory.

Losing it is losing every file that was encrypted to it. So no file is encrypted before it is on the medium,
and nothing here ever replaces or removes one.
"""

from dataclasses import dataclass
from typing import Final

from cscd.age import KeyIdentity, X25519Identity
from cscd.keys.directory import StateDirectory
from cscd.keys.keyfile import KeyFile, identities_of, identity_text
from cscd.keys.place import Place

NAME: Final = "identity"
"""Of the file in the state directory."""


@dataclass(frozen=True, slots=True)
class KeptIdentity:
    """The kept identities: one as made here; a user may have put more of them into the file."""

    file: KeyFile
    identities: tuple[KeyIdentity, ...]
    made: bool = False
    """Whether it was made just now."""


def kept(directory: StateDirectory) -> KeptIdentity | None:
    """Return the identity kept in the directory, None if there is none.

    Raises KeyFileError for a file that must not be used as it stands, KeyFormatError for a malformed one.
    """
    file = _place(directory).settled()
    return KeptIdentity(file, tuple(identities_of(file))) if file else None


def keep(directory: StateDirectory) -> KeptIdentity:
    """Return the identity kept in the directory, made first if there is none.

    When two do this at once, both return the one that came first. Raises as `kept` does, and KeyFileError
    where the file cannot be written.
    """
    file, made = _place(directory).keep(lambda: identity_text(X25519Identity.generate()))
    return KeptIdentity(file, tuple(identities_of(file)), made)


def _place(directory: StateDirectory) -> Place:
    return Place(directory.path, directory.fd, NAME)
