"""X25519 recipients and identities."""

import pickle

import pytest

from cscd.age import b64, bech32
from cscd.age.header import Stanza
from cscd.age.x25519 import X25519Identity, X25519Recipient
from cscd.errors import HeaderError, KeyFormatError

FILE_KEY = bytes(range(16))
SECRET = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"  # noqa: S105 - from the specification
PUBLIC = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"

LOW_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]
"""The points of order 1, 2, 4 and 8 and their other encodings (https://cr.yp.to/ecdh.html, "validate")."""


def test_known_pair() -> None:
    """The specification's identity has the specification's recipient, and both survive a round trip."""
    identity = X25519Identity.parse(SECRET)
    assert str(identity.recipient) == PUBLIC
    assert identity.encode() == SECRET
    assert identity.recipient == X25519Recipient.parse(PUBLIC)
    assert hash(identity.recipient) == hash(X25519Recipient.parse(PUBLIC))


def test_unwrap() -> None:
    """Only the identity of the recipient finds the file key, among stanzas of any type."""
    ours, other = X25519Identity.generate(), X25519Identity.generate()
    stanzas = [Stanza(("grease",), b"x"), other.recipient.wrap(bytes(16)), ours.recipient.wrap(FILE_KEY)]
    assert ours.unwrap(stanzas) == FILE_KEY
    assert X25519Identity.generate().unwrap(stanzas) is None
    assert ours.unwrap([]) is None


def test_every_stanza_has_its_own_share() -> None:
    """Wrapping twice for the same recipient never repeats a share or a body."""
    recipient = X25519Identity.generate().recipient
    first, second = recipient.wrap(FILE_KEY), recipient.wrap(FILE_KEY)
    assert first.args[1] != second.args[1]
    assert first.body != second.body


def test_type_is_case_sensitive() -> None:
    """A stanza of type x25519 is unknown, and skipped."""
    identity = X25519Identity.generate()
    stanza = identity.recipient.wrap(FILE_KEY)
    assert identity.unwrap([Stanza(("x25519", *stanza.args[1:]), stanza.body)]) is None


def share(raw: bytes) -> str:
    """Return `raw` as an argument."""
    return b64.encode(raw).decode()


@pytest.mark.parametrize(
    "args",
    [
        (),
        (share(b"a" * 32), "more"),
        (share(b"a" * 31),),
        (share(b"a" * 33),),
        (share(b"a" * 32) + "=",),
        (share(b"a" * 32)[:-1] + "F",),
        *[(share(point),) for point in LOW_ORDER],
    ],
)
def test_refuses_malformed_stanzas(args: tuple[str, ...]) -> None:
    """Wrong argument counts, wrong shares and points of low order are header errors, whatever else fits."""
    identity = X25519Identity.generate()
    malformed = Stanza(("X25519", *args), bytes(32))
    with pytest.raises(HeaderError):
        identity.unwrap([malformed])
    with pytest.raises(HeaderError):
        identity.unwrap([malformed, identity.recipient.wrap(FILE_KEY)])


@pytest.mark.parametrize("length", [0, 31, 33, 48])
def test_refuses_bodies_of_other_lengths(length: int) -> None:
    """A body that is not 32 bytes long is a header error before anything is decrypted."""
    identity = X25519Identity.generate()
    stanza = identity.recipient.wrap(FILE_KEY)
    with pytest.raises(HeaderError):
        identity.unwrap([Stanza(stanza.args, bytes(length))])


@pytest.mark.parametrize("point", [*LOW_ORDER, b"", bytes(31), bytes(33)])
def test_refuses_useless_recipients(point: bytes) -> None:
    """A public key that could keep no secret is refused when it is read, not at each file."""
    with pytest.raises(KeyFormatError):
        X25519Recipient.parse(bech32.encode("age", point))


@pytest.mark.parametrize(
    "text", [PUBLIC.upper(), PUBLIC[:-1], PUBLIC + "q", SECRET, "", "age1", bech32.encode("agf", b"a" * 32)]
)
def test_refuses_other_recipients(text: str) -> None:
    """A recipient has one spelling."""
    with pytest.raises(KeyFormatError):
        X25519Recipient.parse(text)


@pytest.mark.parametrize(
    "text",
    [SECRET.lower(), SECRET[:-1], PUBLIC, "", bech32.encode("age-secret-key-", b"a" * 31).upper()],
)
def test_refuses_other_identities(text: str) -> None:
    """An identity has one spelling, and the error never shows it."""
    with pytest.raises(KeyFormatError) as caught:
        X25519Identity.parse(text)
    assert not text or text not in str(caught.value)


def test_representations_show_no_secret() -> None:
    """Neither repr, str nor format of an identity shows the secret, and it cannot be pickled by accident."""
    identity = X25519Identity.parse(SECRET)
    for shown in (repr(identity), str(identity), f"{identity}", repr([identity])):
        assert PUBLIC in shown
        assert SECRET not in shown
    with pytest.raises(TypeError):
        pickle.dumps(identity)
    assert PUBLIC in repr(identity.recipient)
