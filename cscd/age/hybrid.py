"""Post-quantum recipients and identities: ML-KEM-768 joined with X25519, under HPKE.

The age specification calls them "The MLKEM768-X25519 (i.e. X-Wing) hybrid post-quantum recipient type". Who
wants to read must break both halves, so that such a stanza is no weaker than one of type X25519 and stays
closed to a quantum computer. It is 1.6 KiB long.

A file is only as strong as its weakest stanza. The specification therefore says that a file SHOULD NOT have
stanzas of this type beside classic ones, and age refuses to write such a file, but reads it. Here that is up
to the caller: `docs/threat-model.md`, "A future quantum computer", says where we do it and what it protects.
"""

from collections.abc import Iterable
from hashlib import shake_256
from os import urandom
from typing import Final, NoReturn, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from cscd.age import b64, bech32
from cscd.age.header import Stanza
from cscd.age.primitives import FILE_KEY, refuse_other_length
from cscd.age.x25519 import X25519Recipient
from cscd.errors import HeaderError, KeyFormatError

STANZA: Final = "mlkem768x25519"
"""The type of these stanzas."""

_INFO: Final = b"age-encryption.org/mlkem768x25519"
_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)

_SEED: Final = 32
"""Bytes of an identity."""
_MLKEM_SEED: Final = 64
"""Bytes of an ML-KEM key in the form that it is derived from (FIPS 203 section 7.1, d and z)."""
_MLKEM_PUBLIC: Final = 1184
"""Bytes of an ML-KEM-768 public key (FIPS 203 table 3)."""
_POINT: Final = 32
"""Bytes of a Curve25519 point or scalar (RFC 7748 section 5)."""
_ENCAPSULATED: Final = 1120
"""Bytes of the encapsulated key: an ML-KEM-768 ciphertext of 1088 and an ephemeral share of 32."""

_STANZA_ARGS: Final = 2
_RECIPIENT_HRP: Final = "age1pq"
_IDENTITY_HRP: Final = "AGE-SECRET-KEY-PQ-"


class HybridRecipient:
    """A public key that files can be encrypted to, made from its 1216 bytes.

    Raises KeyFormatError if they are no key that can keep a secret.
    """

    __slots__ = ("_key", "public")

    public: bytes
    """The ML-KEM-768 public key, and after it the Curve25519 point."""

    def __init__(self, public: bytes) -> None:
        self.public = public
        mlkem, point = public[:_MLKEM_PUBLIC], public[_MLKEM_PUBLIC:]
        try:
            self._key = MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(mlkem), X25519PublicKey.from_public_bytes(point)
            )
            # A point of low order shows only when it is used. Found out here, it is a bad key; found out
            # in `wrap`, it would be a failure of every single file.
            self.wrap(bytes(FILE_KEY))
        except ValueError:
            raise KeyFormatError("the recipient is not a usable post-quantum public key") from None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the recipient written as ``age1pq1…``; KeyFormatError if `text` is something else."""
        hrp, data = bech32.decode(text)
        if hrp != _RECIPIENT_HRP:
            raise KeyFormatError("a post-quantum recipient starts with age1pq1, in lower case")
        return cls(data)

    def __str__(self) -> str:
        """Return the recipient as ``age1pq1…``, 1959 characters."""
        return bech32.encode(_RECIPIENT_HRP, self.public)

    def __repr__(self) -> str:
        """Return a representation for logs and debuggers."""
        return f"HybridRecipient({self})"

    def __eq__(self, other: object) -> bool:
        """Tell whether both are the same public key."""
        return isinstance(other, HybridRecipient) and self.public == other.public

    def __hash__(self) -> int:
        """Hash by public key."""
        return hash(self.public)

    def wrap(self, file_key: bytes) -> Stanza:
        """Return a stanza that gives `file_key` to the owner of this public key."""
        sealed = _SUITE.encrypt(file_key, self._key, _INFO)
        encapsulated, body = sealed[:_ENCAPSULATED], sealed[_ENCAPSULATED:]
        return Stanza((STANZA, b64.encode(encapsulated).decode("ascii")), body)


class HybridIdentity:
    """A private key that opens what was encrypted to its recipient, made from the 32 bytes of its seed.

    No representation shows the secret; `encode` is the one way to write it down. Python cannot erase it
    from memory: an identity is as safe as the process that holds it.
    """

    __slots__ = ("_key", "_seed", "recipient")

    recipient: HybridRecipient
    """The public half."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != _SEED:
            raise ValueError(f"the seed of a post-quantum identity has {_SEED} bytes")
        # How the seed becomes the two keys is the key derivation of the KEM, as in X-Wing.
        expanded = shake_256(seed).digest(_MLKEM_SEED + _POINT)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED])
        point = X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED:])
        self._seed = seed
        self._key = MLKEM768X25519PrivateKey(mlkem, point)
        self.recipient = HybridRecipient(
            mlkem.public_key().public_bytes_raw() + point.public_key().public_bytes_raw()
        )

    @classmethod
    def generate(cls) -> Self:
        """Return a new random identity."""
        return cls(urandom(_SEED))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the identity written as ``AGE-SECRET-KEY-PQ-1…``; KeyFormatError if it is something else."""
        hrp, data = bech32.decode(text)
        if hrp != _IDENTITY_HRP or len(data) != _SEED:
            raise KeyFormatError(
                "a post-quantum identity starts with AGE-SECRET-KEY-PQ-1, in upper case, and holds 32 bytes"
            )
        return cls(data)

    def encode(self) -> str:
        """Return the secret as ``AGE-SECRET-KEY-PQ-1…``, for a key file."""
        return bech32.encode(_IDENTITY_HRP.lower(), self._seed).upper()

    def __repr__(self) -> str:
        """Return a representation that shows the public half only."""
        return f"HybridIdentity(of {self.recipient})"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled, which would write the secret down."""
        raise TypeError("an identity cannot be pickled")

    def unwrap(self, stanzas: Iterable[Stanza]) -> bytes | None:
        """Return the file key if one of `stanzas` is for this identity, else None.

        Raises HeaderError for any malformed stanza of this type, also when another one would fit: whether a
        file is valid must not depend on who reads it.
        """
        sealed = [_sealed(stanza) for stanza in stanzas if stanza.args[0] == STANZA]
        for each in sealed:
            file_key = self._open(each)
            if file_key is not None:
                return file_key
        return None

    def _open(self, sealed: bytes) -> bytes | None:
        """Return the file key in an encapsulated key and a body, None if it is not for us."""
        try:
            return _SUITE.decrypt(sealed, self._key, _INFO)
        except InvalidTag:
            # The library says the same where the share is of low order, which no writer may use.
            _refuse_low_order(sealed[_ENCAPSULATED - _POINT : _ENCAPSULATED])
            return None


def _sealed(stanza: Stanza) -> bytes:
    """Return the encapsulated key and the body of a stanza; HeaderError if either is malformed."""
    if len(stanza.args) != _STANZA_ARGS:
        raise HeaderError(f"a stanza of type {STANZA} has the wrong number of arguments")
    encapsulated = b64.decode(stanza.args[1].encode("ascii"))
    if len(encapsulated) != _ENCAPSULATED:
        raise HeaderError(f"an encapsulated key has {len(encapsulated)} bytes instead of {_ENCAPSULATED}")
    refuse_other_length(stanza.body)
    return encapsulated + stanza.body


def _refuse_low_order(share: bytes) -> None:
    """Raise HeaderError for a share that makes every shared secret zero."""
    try:
        X25519Recipient(share)
    except KeyFormatError:
        raise HeaderError(f"a stanza of type {STANZA} has a share of low order") from None
