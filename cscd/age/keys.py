"""Recipients and identities as people write them: alone, or one per line in a file.

Files are as `age-keygen` writes them: blank lines and lines that start with ``#`` mean nothing. Errors name
the line and never show what it holds, which may be a secret.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from cscd.age.hybrid import HybridIdentity, HybridRecipient
from cscd.age.x25519 import X25519Identity, X25519Recipient
from cscd.errors import KeyFormatError

MAX_KEY_FILE: Final = 1 << 16
"""Bytes of a file of keys; our own choice: 800 keys with a comment each, and a mistaken path ends early."""

MAX_KEY: Final = 1 << 13
"""Characters of a single key; our own choice: the longest that age knows, post-quantum, has 2,000."""

KeyRecipient = X25519Recipient | HybridRecipient
"""A recipient that is a public key, and not a passphrase."""

KeyIdentity = X25519Identity | HybridIdentity
"""An identity that is a private key."""

_Key = TypeVar("_Key", KeyRecipient, KeyIdentity)

_FOREIGN_RECIPIENTS: Final = ("ssh-", "age1tag1", "age1tagpq1")
_FOREIGN_IDENTITIES: Final = ("AGE-PLUGIN-", "-----BEGIN ")
_SUPPORTED: Final = "are supported; age-keygen makes one"


def parse_recipient(text: str) -> KeyRecipient:
    """Return the recipient written as `text`; KeyFormatError if it is none or of a type we lack."""
    if text.startswith(_FOREIGN_RECIPIENTS):
        raise KeyFormatError(f"only recipients that start with age1 or age1pq1 {_SUPPORTED}")
    if text.upper().startswith("AGE-SECRET-KEY-"):
        raise KeyFormatError("this is an identity, which is secret; its recipient starts with age1")
    _check_length(text)
    return HybridRecipient.parse(text) if text.startswith("age1pq1") else X25519Recipient.parse(text)


def parse_identity(text: str) -> KeyIdentity:
    """Return the identity written as `text`; KeyFormatError if it is none or of a type we lack."""
    if text.startswith(_FOREIGN_IDENTITIES):
        raise KeyFormatError(f"only identities that start with AGE-SECRET-KEY- {_SUPPORTED}")
    if text.startswith("age1"):
        raise KeyFormatError("this is a recipient; its identity starts with AGE-SECRET-KEY-")
    _check_length(text)
    if text.startswith("AGE-SECRET-KEY-PQ-1"):
        return HybridIdentity.parse(text)
    return X25519Identity.parse(text)


def parse_recipients(text: bytes) -> list[KeyRecipient]:
    """Return the recipients in the content of a file, at least one; KeyFormatError names the line."""
    return _parse_lines(text, parse_recipient)


def parse_identities(text: bytes) -> list[KeyIdentity]:
    """Return the identities in the content of a file, at least one; KeyFormatError names the line."""
    return _parse_lines(text, parse_identity)


def _check_length(text: str) -> None:
    """Raise KeyFormatError for what is far too long to be a key, before any work on it."""
    if len(text) > MAX_KEY:
        raise KeyFormatError(f"a key of {len(text)} characters is none")


def _parse_lines(text: bytes, parse: Callable[[str], _Key]) -> list[_Key]:
    """Apply `parse` to every line that means something."""
    if len(text) > MAX_KEY_FILE:
        raise KeyFormatError(f"a file of keys has at most {MAX_KEY_FILE} bytes")
    keys = []
    for number, line in enumerate(text.split(b"\n"), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith(b"#"):
            keys.append(_parse_line(number, stripped, parse))
    if not keys:
        raise KeyFormatError("the file holds no key")
    return keys


def _parse_line(number: int, line: bytes, parse: Callable[[str], _Key]) -> _Key:
    """Apply `parse` to one line, and put its number in front of what is wrong with it."""
    try:
        # latin-1 takes any byte: what is no ASCII is refused by `parse`, without the line in the exception.
        return parse(line.decode("latin-1"))
    except KeyFormatError as error:
        raise KeyFormatError(f"line {number}: {error}") from None
