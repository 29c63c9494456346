"""Recipients and identities of type X25519 (age specification, "The X25519 recipient type")."""

from collections.abc import Iterable
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from cscd.age import b64, bech32
from cscd.age.header import Stanza
from cscd.age.primitives import hkdf, unwrap, wrap
from cscd.errors import HeaderError, KeyFormatError

STANZA: Final = "X25519"
"""The type of these stanzas."""

_INFO: Final = b"age-encryption.org/v1/X25519"
_POINT: Final = 32
"""Bytes of a Curve25519 point or scalar (RFC 7748 section 5)."""

_STANZA_ARGS: Final = 2
_RECIPIENT_HRP: Final = "age"
_IDENTITY_HRP: Final = "AGE-SECRET-KEY-"


class X25519Recipient:
    """A public key that files can be encrypted to, made from the 32 bytes of its point.

    Raises KeyFormatError if they are no point that can keep a secret.
    """

    __slots__ = ("_key", "public")

    public: bytes
    """The 32 bytes of the Curve25519 point."""

    def __init__(self, public: bytes) -> None:
        self.public = public
        try:
            self._key = X25519PublicKey.from_public_bytes(public)
            # A point of low order makes every shared secret zero, which `exchange` refuses. Found out here,
            # it is a bad key; found out in `wrap`, it would be a failure of every single file.
            X25519PrivateKey.generate().exchange(self._key)
        except ValueError:
            raise KeyFormatError("the recipient is not a usable X25519 public key") from None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the recipient written as ``age1…``; KeyFormatError if `text` is something else."""
        hrp, data = bech32.decode(text)
        if hrp != _RECIPIENT_HRP:
            raise KeyFormatError("an X25519 recipient starts with age1, in lower case")
        return cls(data)

    def __str__(self) -> str:
        """Return the recipient as ``age1…``."""
        return bech32.encode(_RECIPIENT_HRP, self.public)

    def __repr__(self) -> str:
        """Return a representation for logs and debuggers."""
        return f"X25519Recipient({self})"

    def __eq__(self, other: object) -> bool:
        """Tell whether both are the same public key."""
        return isinstance(other, X25519Recipient) and self.public == other.public

    def __hash__(self) -> int:
        """Hash by public key."""
        return hash(self.public)

    def wrap(self, file_key: bytes) -> Stanza:
        """Return a stanza that gives `file_key` to the owner of this public key."""
        # The specification demands a fresh ephemeral secret for each stanza of each file.
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        wrap_key = hkdf(ephemeral.exchange(self._key), share + self.public, _INFO)
        return Stanza((STANZA, b64.encode(share).decode("ascii")), wrap(wrap_key, file_key))


class X25519Identity:
    """A private key that opens what was encrypted to its recipient.

    No representation shows the secret; `encode` is the one way to write it down. Python cannot erase it
    from memory: an identity is as safe as the process that holds it.
    """

    __slots__ = ("_key", "recipient")

    recipient: X25519Recipient
    """The public half."""

    def __init__(self, key: X25519PrivateKey) -> None:
        self._key = key
        self.recipient = X25519Recipient(key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> Self:
        """Return a new random identity."""
        return cls(X25519PrivateKey.generate())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the identity written as ``AGE-SECRET-KEY-1…``; KeyFormatError if it is something else."""
        hrp, data = bech32.decode(text)
        if hrp != _IDENTITY_HRP or len(data) != _POINT:
            raise KeyFormatError(
                "an X25519 identity starts with AGE-SECRET-KEY-1, in upper case, and holds 32 bytes"
            )
        return cls(X25519PrivateKey.from_private_bytes(data))

    def encode(self) -> str:
        """Return the secret as ``AGE-SECRET-KEY-1…``, for a key file."""
        return bech32.encode(_IDENTITY_HRP.lower(), self._key.private_bytes_raw()).upper()

    def __repr__(self) -> str:
        """Return a representation that shows the public half only."""
        return f"X25519Identity(of {self.recipient})"

    def unwrap(self, stanzas: Iterable[Stanza]) -> bytes | None:
        """Return the file key if one of `stanzas` is for this identity, else None.

        Raises HeaderError for any malformed X25519 stanza, also when another one would fit: whether a
        file is valid must not depend on who reads it.
        """
        shares = [(_share(stanza), stanza.body) for stanza in stanzas if stanza.args[0] == STANZA]
        for share, body in shares:
            file_key = self._open(share, body)
            if file_key is not None:
                return file_key
        return None

    def _open(self, share: bytes, body: bytes) -> bytes | None:
        """Return the file key that `body` wraps under the ephemeral `share`, None if it is not for us."""
        try:
            secret = self._key.exchange(X25519PublicKey.from_public_bytes(share))
        except ValueError:
            # The library raises this for an all-zero shared secret, where the specification says to abort.
            raise HeaderError("an X25519 stanza has a share of low order") from None
        return unwrap(hkdf(secret, share + self.recipient.public, _INFO), body)


def _share(stanza: Stanza) -> bytes:
    """Return the 32-byte ephemeral share of an X25519 stanza; HeaderError if the stanza is malformed."""
    if len(stanza.args) != _STANZA_ARGS:
        raise HeaderError("an X25519 stanza has the wrong number of arguments")
    share = b64.decode(stanza.args[1].encode("ascii"))
    if len(share) != _POINT:
        raise HeaderError(f"an X25519 share has {len(share)} bytes instead of {_POINT}")
    return share
