"""Post-quantum recipients and identities."""

import pickle
from pathlib import Path

import pytest

from cscd.age import b64, bech32
from cscd.age.header import Stanza, parse
from cscd.age.hybrid import HybridIdentity, HybridRecipient
from cscd.age.x25519 import X25519Identity
from cscd.errors import HeaderError, KeyFormatError
from tests import vectors
from tests.age.test_x25519 import LOW_ORDER

FILE_KEY = bytes(range(16))
SPECIFICATION = Path(__file__).parent / "specification_hybrid.txt"
"""The identity and the recipient that the specification gives as an example."""
SECRET, PUBLIC = SPECIFICATION.read_text(encoding="ascii").split()
IDENTITY = HybridIdentity.parse(SECRET)
KEY = IDENTITY.recipient.public


def test_known_pair() -> None:
    """The specification's identity has the specification's recipient, and both survive a round trip."""
    assert str(IDENTITY.recipient) == PUBLIC
    assert IDENTITY.encode() == SECRET
    assert IDENTITY.recipient == HybridRecipient.parse(PUBLIC)
    assert hash(IDENTITY.recipient) == hash(HybridRecipient.parse(PUBLIC))
    assert IDENTITY.recipient != HybridIdentity.generate().recipient


def test_known_stanza() -> None:
    """A stanza of the test kit gives the file key that the test kit says."""
    settings, _, file = (vectors.AGE / "hybrid").read_bytes().partition(b"\n\n")
    said = dict(line.split(": ") for line in settings.decode().splitlines())
    identity = HybridIdentity.parse(said["identity"])
    assert identity.unwrap(parse(file).stanzas) == bytes.fromhex(said["file key"])


def test_unwrap() -> None:
    """Only the identity of the recipient finds the file key, among stanzas of any type."""
    other, classic = HybridIdentity.generate(), X25519Identity.generate()
    stanzas = [
        Stanza(("grease",), b"x"),
        classic.recipient.wrap(bytes(16)),
        other.recipient.wrap(bytes(16)),
        IDENTITY.recipient.wrap(FILE_KEY),
    ]
    assert IDENTITY.unwrap(stanzas) == FILE_KEY
    assert HybridIdentity.generate().unwrap(stanzas) is None
    assert IDENTITY.unwrap([]) is None
    assert classic.unwrap(stanzas[2:]) is None


def test_stanza_has_its_form() -> None:
    """Two arguments, 1120 bytes in the second and 32 in the body, none of it used twice."""
    first, second = IDENTITY.recipient.wrap(FILE_KEY), IDENTITY.recipient.wrap(FILE_KEY)
    for stanza in (first, second):
        kind, encapsulated = stanza.args
        assert kind == "mlkem768x25519"
        assert (len(b64.decode(encapsulated.encode())), len(stanza.body)) == (1120, 32)
    assert first.args != second.args
    assert first.body != second.body


def test_type_is_case_sensitive() -> None:
    """A stanza of type MLKEM768X25519 is unknown, and skipped."""
    stanza = IDENTITY.recipient.wrap(FILE_KEY)
    assert IDENTITY.unwrap([Stanza(("MLKEM768X25519", stanza.args[1]), stanza.body)]) is None


def argument(raw: bytes) -> str:
    """Return `raw` as an argument."""
    return b64.encode(raw).decode()


@pytest.mark.parametrize(
    "args",
    [
        (),
        (argument(bytes(1119) + b"a"), "more"),
        (argument(bytes(1119)),),
        (argument(bytes(1121)),),
        (argument(bytes(1120)) + "=",),
        (argument(bytes(1119) + b"a")[:-1] + "F",),
        *[(argument(bytes(1088) + point),) for point in LOW_ORDER],
    ],
)
def test_refuses_malformed_stanzas(args: tuple[str, ...]) -> None:
    """Wrong argument counts, wrong lengths and shares of low order are header errors, whatever else fits."""
    malformed = Stanza(("mlkem768x25519", *args), bytes(32))
    with pytest.raises(HeaderError):
        IDENTITY.unwrap([malformed])
    with pytest.raises(HeaderError):
        IDENTITY.unwrap([malformed, IDENTITY.recipient.wrap(FILE_KEY)])


@pytest.mark.parametrize("length", [0, 31, 33, 48])
def test_refuses_bodies_of_other_lengths(length: int) -> None:
    """A body that is not 32 bytes long is a header error before anything is decrypted."""
    stanza = IDENTITY.recipient.wrap(FILE_KEY)
    with pytest.raises(HeaderError):
        IDENTITY.unwrap([Stanza(stanza.args, bytes(length)), stanza])


@pytest.mark.parametrize("half", ["mlkem", "x25519"])
def test_needs_both_halves(half: str) -> None:
    """Whoever has one half of the key alone reads nothing."""
    other = HybridIdentity.generate().recipient.public
    mixed = KEY[:1184] + other[1184:] if half == "mlkem" else other[:1184] + KEY[1184:]
    assert IDENTITY.unwrap([HybridRecipient(mixed).wrap(FILE_KEY)]) is None


@pytest.mark.parametrize(
    "public",
    [
        *[KEY[:1184] + point for point in LOW_ORDER],
        b"\xff" * 1184 + KEY[1184:],  # coefficients that are not below q (FIPS 203 section 7.2)
        KEY[:-1],
        KEY + b"\0",
        KEY[:32],
        b"",
    ],
)
def test_refuses_useless_recipients(public: bytes) -> None:
    """A public key that could keep no secret is refused when it is read, not at each file."""
    with pytest.raises(KeyFormatError):
        HybridRecipient.parse(bech32.encode("age1pq", public))


@pytest.mark.parametrize(
    "text", [PUBLIC.upper(), PUBLIC[:-1], PUBLIC + "q", SECRET, "", "age1pq1", bech32.encode("age", KEY)]
)
def test_refuses_other_recipients(text: str) -> None:
    """A recipient has one spelling."""
    with pytest.raises(KeyFormatError):
        HybridRecipient.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *[SECRET.lower(), SECRET[:-1], PUBLIC, ""],
        bech32.encode("age-secret-key-pq-", b"a" * 31).upper(),
        bech32.encode("age-secret-key-", b"a" * 32).upper(),
    ],
)
def test_refuses_other_identities(text: str) -> None:
    """An identity has one spelling, and the error never shows it."""
    with pytest.raises(KeyFormatError) as caught:
        HybridIdentity.parse(text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_seed_has_32_bytes(length: int) -> None:
    """Any other length is a mistake of the program."""
    with pytest.raises(ValueError, match="32"):
        HybridIdentity(bytes(length))


def test_representations_show_no_secret() -> None:
    """Neither repr, str nor format of an identity shows the secret, and it cannot be pickled by accident."""
    for shown in (repr(IDENTITY), str(IDENTITY), f"{IDENTITY}", repr([IDENTITY])):
        assert PUBLIC in shown
        assert SECRET not in shown
        assert repr(bech32.decode(SECRET)[1]) not in shown
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(IDENTITY, protocol)
    assert PUBLIC in repr(IDENTITY.recipient)
