"""An identity in an age file: small, whole in memory, opened by whom the file was encrypted to.

An age file under a passphrase cannot have any other recipient (age specification, "The scrypt recipient
type"), so each kind of wrapping has a file of its own.
"""

import io
from collections.abc import Callable

from cscd.age import (
    Identity,
    Recipient,
    ScryptIdentity,
    ScryptRecipient,
    X25519Identity,
    decrypt_stream,
    encrypt_stream,
    parse,
    parse_identities,
    scrypt,
)
from cscd.errors import AgeError, KeyFileError, KeyFormatError, NoMatchError
from cscd.keys.effort import MOST
from cscd.keys.keyfile import KeyFile, identity_text
from cscd.keys.machine import MachineKey
from cscd.keys.protector import Passphrase, Protector

Wrapper = MachineKey | Passphrase
"""What an identity is wrapped by, and what opens it again."""


def wrap(identity: X25519Identity, wrapper: Wrapper, work_factor: Callable[[], int]) -> bytes:
    """Return an age file with the identity, as age-keygen writes it, that only `wrapper` opens.

    `work_factor` is asked if there is work to be done: see `cscd.keys.effort`.
    """
    recipient: Recipient
    if isinstance(wrapper, Passphrase):
        recipient = ScryptRecipient(wrapper.reveal(), work_factor())
    else:
        recipient = wrapper.identity.recipient
    sealed = io.BytesIO()
    encrypt_stream(io.BytesIO(identity_text(identity)), sealed, [recipient], keep_going=lambda: True)
    return sealed.getvalue()


def unwrap(file: KeyFile, opener: Wrapper) -> X25519Identity:
    """Return the identity in a file that was wrapped by a wrapper of the opener's kind.

    Raises KeyFileError: `no_machine_key` or `wrong_passphrase` where `opener` is not the one that the file
    was encrypted to, else `damaged`. A passphrase's file can be damaged such that every passphrase is wrong.
    """
    plain = io.BytesIO()
    try:
        required_work(file, opener.protector)
        decrypt_stream(io.BytesIO(file.content), plain, [_identity(opener)], keep_going=lambda: True)
    except NoMatchError:
        raise _not_for(file, opener.protector) from None
    except AgeError as error:
        raise _damaged(file, str(error)) from None
    return _only(file, plain.getvalue())


def required_work(file: KeyFile, protector: Protector) -> int | None:
    """Return the work factor that a wrapped identity asks for, None for one that the machine key opens.

    Needs no secret. Raises KeyFileError, `damaged`, for a file that is no wrapping of that kind.
    """
    try:
        found = scrypt.work_factor(parse(file.content).stanzas)
    except AgeError as error:
        raise _damaged(file, str(error)) from None
    if (found is not None) is not (protector is Protector.PASSPHRASE):
        raise _damaged(file, f"it is not wrapped by a {protector} as its name says")
    return found


def _identity(opener: Wrapper) -> Identity:
    return ScryptIdentity(opener.reveal(), MOST) if isinstance(opener, Passphrase) else opener.identity


def _not_for(file: KeyFile, protector: Protector) -> KeyFileError:
    if protector is Protector.PASSPHRASE:
        return KeyFileError(f"{file.path} is under another passphrase", "wrong_passphrase", path=file.path)
    return KeyFileError(
        f"{file.path} was wrapped to another machine key; restore that one", "no_machine_key", path=file.path
    )


def _damaged(file: KeyFile, why: str) -> KeyFileError:
    return KeyFileError(f"{file.path} is damaged: {why}", "damaged", path=file.path)


def _only(file: KeyFile, text: bytes) -> X25519Identity:
    """Return the one identity in the text. Errors do not carry the text, which is secret."""
    try:
        identities = parse_identities(text)
    except KeyFormatError:
        identities = []
    match identities:
        case [X25519Identity() as identity]:
            return identity
        case _:
            raise KeyFileError(f"{file.path} does not hold one identity", "damaged", path=file.path)
