"""What an identity is wrapped by, and one of the two: a passphrase. The other is `cscd.keys.machine`."""

from enum import StrEnum
from typing import ClassVar, Final, NoReturn

from cscd.errors import KeyFormatError

LONGEST: Final = 1024
"""Bytes of a passphrase; our own choice, twice what Linux-PAM takes of a password (PAM_MAX_RESP_SIZE)."""


class Protector(StrEnum):
    """The kinds of wrapping, as the configuration, the log and the control socket call them."""

    MACHINE = "machine"
    """The key of the machine: it opens without asking."""
    PASSPHRASE = "passphrase"  # noqa: S105 - the word for one
    """What only the user knows, such as the logon password."""


class Passphrase:
    """A passphrase: 1 to 1024 bytes, taken as they are.

    No representation shows it, and it is written nowhere. Python cannot erase it from memory: it is as safe
    as the process that holds it. Raises KeyFormatError for fewer bytes or more, without showing them.
    """

    __slots__ = ("_secret",)

    protector: ClassVar = Protector.PASSPHRASE

    def __init__(self, secret: bytes) -> None:
        if not 1 <= len(secret) <= LONGEST:
            raise KeyFormatError(f"a passphrase has 1 to {LONGEST} bytes")
        self._secret = secret

    def reveal(self) -> bytes:
        """Return the secret, to be given to scrypt."""
        return self._secret

    def __repr__(self) -> str:
        """Return a representation that shows nothing of it, not even its length."""
        return "Passphrase(hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a passphrase is not written down")
