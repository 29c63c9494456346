"""An identity wrapped in an age file: small, whole in memory, opened by whom the file was encrypted to."""

import io

from cscd.age import Identity, Recipient, X25519Identity, decrypt_stream, encrypt_stream, parse_identities
from cscd.errors import AgeError, KeyFileError, KeyFormatError, NoMatchError
from cscd.keys.keyfile import KeyFile, identity_text


def wrap(identity: X25519Identity, recipient: Recipient) -> bytes:
    """Return an age file with the identity, as age-keygen writes it, that only `recipient` opens."""
    sealed = io.BytesIO()
    encrypt_stream(io.BytesIO(identity_text(identity)), sealed, [recipient], keep_going=lambda: True)
    return sealed.getvalue()


def unwrap(file: KeyFile, opener: Identity) -> X25519Identity:
    """Return the identity in a file.

    Raises KeyFileError: `no_machine_key` where `opener` is not who the file was encrypted to, else `damaged`.
    """
    plain = io.BytesIO()
    try:
        decrypt_stream(io.BytesIO(file.content), plain, [opener], keep_going=lambda: True)
    except NoMatchError:
        raise KeyFileError(
            f"{file.path} was wrapped to another machine key; restore that one",
            "no_machine_key",
            path=file.path,
        ) from None
    except AgeError as error:
        raise KeyFileError(f"{file.path} is damaged: {error}", "damaged", path=file.path) from None
    return _only(file.path, plain.getvalue())


def _only(path: str, text: bytes) -> X25519Identity:
    """Return the one identity in the text. Errors do not carry the text, which is secret."""
    try:
        identities = parse_identities(text)
    except KeyFormatError:
        identities = []
    match identities:
        case [X25519Identity() as identity]:
            return identity
        case _:
            raise KeyFileError(f"{path} does not hold one identity", "damaged", path=path)
