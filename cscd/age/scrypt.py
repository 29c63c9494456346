"""Recipients and identities made of a passphrase (age specification, "The scrypt recipient type")."""

import os
import re
from collections.abc import Iterable, Sequence
from typing import Final

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from cscd.age import b64
from cscd.age.header import Stanza
from cscd.age.primitives import unwrap, wrap
from cscd.errors import HeaderError

STANZA: Final = "scrypt"
"""The type of these stanzas. One of them must be the only stanza of its header."""

DEFAULT_WORK_FACTOR: Final = 18
"""What we encrypt with, as age does: 256 MiB (1024 * 2**18 bytes, RFC 7914 section 5) and a second."""

MAX_WORK_FACTOR: Final = 22
"""What we decrypt at most unless told otherwise: 4 GiB and 15 seconds, the limit of age and its test kit."""

_LABEL: Final = b"age-encryption.org/v1/scrypt"
_SALT: Final = 16
_STANZA_ARGS: Final = 3
_KEY: Final = 32
_WORK_FACTOR: Final = re.compile(r"[1-9][0-9]*")


class ScryptRecipient:
    """A passphrase to encrypt to, and the base-two logarithm of scrypt's N, which must be 1 to 22."""

    __slots__ = ("_passphrase", "_work_factor")

    def __init__(self, passphrase: bytes, work_factor: int = DEFAULT_WORK_FACTOR) -> None:
        if not 1 <= work_factor <= MAX_WORK_FACTOR:
            raise ValueError(f"the scrypt work factor is between 1 and {MAX_WORK_FACTOR}, not {work_factor}")
        self._passphrase = passphrase
        self._work_factor = work_factor

    def wrap(self, file_key: bytes) -> Stanza:
        """Return a stanza that gives `file_key` to whoever knows the passphrase."""
        # The specification demands a fresh salt for each stanza of each file.
        salt = os.urandom(_SALT)
        args = (STANZA, b64.encode(salt).decode("ascii"), str(self._work_factor))
        return Stanza(args, wrap(_wrap_key(self._passphrase, salt, self._work_factor), file_key))


class ScryptIdentity:
    """A passphrase to decrypt with, and the largest work factor that a file may ask of us."""

    __slots__ = ("_max_work_factor", "_passphrase")

    def __init__(self, passphrase: bytes, max_work_factor: int = MAX_WORK_FACTOR) -> None:
        self._passphrase = passphrase
        self._max_work_factor = max_work_factor

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """Return the file key if the only one of `stanzas` is for this passphrase, else None.

        Raises HeaderError for a malformed scrypt stanza, one that has company, or one that asks for more
        work than granted; before any of that work is done.
        """
        check_alone(stanzas)
        if not stanzas or stanzas[0].args[0] != STANZA:
            return None
        stanza = stanzas[0]
        salt, work_factor = _parameters(stanza.args)
        if work_factor > self._max_work_factor:
            raise HeaderError(
                f"the scrypt work factor {work_factor} is above the limit of {self._max_work_factor}"
            )
        return unwrap(_wrap_key(self._passphrase, salt, work_factor), stanza.body)


def work_factor(stanzas: Sequence[Stanza]) -> int | None:
    """Return the work factor that a header asks for, None if it is for no passphrase.

    Raises HeaderError as `ScryptIdentity.unwrap` does, but for the work itself.
    """
    check_alone(stanzas)
    if not stanzas or stanzas[0].args[0] != STANZA:
        return None
    return _parameters(stanzas[0].args)[1]


def check_alone(stanzas: Iterable[Stanza]) -> None:
    """Raise HeaderError if a scrypt stanza is not the only one.

    Whoever opens a file with a passphrase takes it to come from somebody who knows the passphrase; next
    to another stanza it could come from anybody.
    """
    types = [stanza.args[0] for stanza in stanzas]
    if STANZA in types and len(types) > 1:
        raise HeaderError("a scrypt stanza must be the only stanza of its header")


def _parameters(args: tuple[str, ...]) -> tuple[bytes, int]:
    """Return the salt and the work factor of a scrypt stanza's arguments; HeaderError if malformed."""
    if len(args) != _STANZA_ARGS:
        raise HeaderError("a scrypt stanza has the wrong number of arguments")
    salt = b64.decode(args[1].encode("ascii"))
    if len(salt) != _SALT:
        raise HeaderError(f"a scrypt salt has {len(salt)} bytes instead of {_SALT}")
    # At most two digits reach int(), which takes quadratic time and refuses more than 4300 of them.
    if not _WORK_FACTOR.fullmatch(args[2]) or len(args[2]) > len("99"):
        raise HeaderError("a scrypt work factor is not a small decimal number")
    return salt, int(args[2])


def _wrap_key(passphrase: bytes, salt: bytes, work_factor: int) -> bytes:
    """Return the wrap key ("scrypt recipient stanza"); takes 1024 * 2**`work_factor` bytes of memory."""
    return Scrypt(_LABEL + salt, _KEY, 2**work_factor, r=8, p=1).derive(passphrase)
