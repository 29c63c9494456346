"""What the parsers of keys promise about any bytes, for a fuzzer to disprove."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from cscd.age.hybrid import HybridIdentity
from cscd.age.keys import KeyIdentity, KeyRecipient, parse_identities, parse_recipients
from cscd.age.x25519 import X25519Identity
from cscd.errors import KeyFormatError

_Key = TypeVar("_Key", KeyRecipient, KeyIdentity)

_TELLING = 12
"""Letters and digits of a key that would show it in a message, whose own words are shorter."""


def seeds() -> Iterator[bytes]:
    """Return files of keys of each type."""
    for secret in (X25519Identity.generate(), HybridIdentity(bytes(range(32)))):
        yield f"# a comment\r\n\n{secret.encode()}\n".encode()
        yield f"{secret.recipient}\n".encode()


def check(data: bytes) -> None:
    """Read `data` as either kind of file, and hold the parsers to what they promise."""
    lines = [line.strip() for line in data.split(b"\n")]
    wanted = [line for line in lines if line and not line.startswith(b"#")]
    for identity, line in zip(_parsed(parse_identities, data), wanted, strict=False):
        assert identity.encode().encode() == line, "a second spelling"
        assert line.decode() not in repr(identity), "a secret in a representation"
        stanza = identity.recipient.wrap(bytes(16))
        assert identity.unwrap([stanza]) == bytes(16), "a pair that does not fit"
    for recipient, line in zip(_parsed(parse_recipients, data), wanted, strict=False):
        assert str(recipient).encode() == line, "a second spelling"


def _parsed(parse: Callable[[bytes], list[_Key]], data: bytes) -> list[_Key]:
    """Return the keys in `data`, none where it is refused, which must not show what was in it."""
    try:
        return parse(data)
    except KeyFormatError as error:
        _check_hides(error, data.decode("latin-1"))
        return []


def _check_hides(error: KeyFormatError, text: str) -> None:
    """A message holds nothing of the data part of any key in `text`."""
    assert error.__cause__ is None, "a key in what caused an error"
    for line in text.split("\n"):
        data = line.strip().rpartition("1")[2][:_TELLING]
        assert len(data) < _TELLING or not data.isalnum() or data not in str(error), "a key in a message"
