"""From recipients to a payload, and back with an identity."""

import pytest

from cscd.age.filekey import NONCE, Identity, begin, opener, unlock
from cscd.age.header import Stanza, encode, parse
from cscd.age.marker import Marker, find
from cscd.age.scrypt import ScryptIdentity, ScryptRecipient
from cscd.age.x25519 import X25519Identity
from cscd.errors import HeaderError, MacError, NoMatchError

ALICE, BOB, MALLORY = (X25519Identity.generate() for _ in range(3))
MARKER = Marker("0123456789abcdef")


def test_every_recipient_opens() -> None:
    """Each of several recipients gets the file key, and the payload opens with it."""
    start, sealer = begin([ALICE.recipient, BOB.recipient], MARKER)
    header = parse(start)
    assert len(start) == header.length + NONCE
    assert find(header) == MARKER
    assert unlock(header, [ALICE]) == unlock(header, [MALLORY, BOB])
    sealed, plain = bytearray(21), bytearray(5)
    sealer.seal_into(memoryview(b"hello"), memoryview(sealed), 0, final=True)
    chunks = opener(unlock(header, [BOB]), start[header.length :])
    chunks.open_into(memoryview(sealed), memoryview(plain), 0, final=True)
    assert plain == b"hello"


def test_no_two_files_share_a_secret() -> None:
    """File keys and nonces are fresh for each file."""
    first, second = begin([ALICE.recipient])[0], begin([ALICE.recipient])[0]
    assert first[-NONCE:] != second[-NONCE:]
    assert unlock(parse(first), [ALICE]) != unlock(parse(second), [ALICE])


def test_marker_lies_within_the_first_page() -> None:
    """The marker comes first, however many recipients follow."""
    start, _ = begin([ALICE.recipient] * 50, MARKER)
    assert start.startswith(b"age-encryption.org/v1\n-> cscd ")


def test_nobody_matches() -> None:
    """Other identities, of whatever type, or none, end with NoMatchError."""
    header = parse(begin([ALICE.recipient])[0])
    rings: list[list[Identity]] = [[], [MALLORY], [ScryptIdentity(b"password"), BOB]]
    for identities in rings:
        with pytest.raises(NoMatchError):
            unlock(header, identities)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_added_stanza_breaks_the_mac(at: int) -> None:
    """A recipient who knows nothing of the file key cannot add a stanza, not even our marker."""
    stanzas = [ALICE.recipient.wrap(bytes(16)), BOB.recipient.wrap(bytes(16))]
    genuine = encode(stanzas, bytes(16))
    stanzas.insert(at, MARKER.stanza())
    forged = encode(stanzas, bytes(16))[:-44] + genuine[-44:]
    with pytest.raises(MacError):
        unlock(parse(forged), [BOB])


def test_scrypt_next_to_others_is_refused_for_everybody() -> None:
    """A header that mixes scrypt with X25519 opens for nobody, also not for the X25519 identity."""
    mixed = [ScryptRecipient(b"password", 1).wrap(bytes(16)), ALICE.recipient.wrap(bytes(16))]
    header = parse(encode(mixed, bytes(16)))
    rings: list[list[Identity]] = [[], [ALICE], [ScryptIdentity(b"password")]]
    for identities in rings:
        with pytest.raises(HeaderError):
            unlock(header, identities)


def test_begin_refuses_what_nobody_could_read() -> None:
    """No recipient, and a passphrase with company, are bugs in the caller."""
    passphrase = ScryptRecipient(b"password", 1)
    with pytest.raises(ValueError, match="at least one"):
        begin([], MARKER)
    with pytest.raises(ValueError, match="passphrase"):
        begin([passphrase, ALICE.recipient])
    with pytest.raises(ValueError, match="passphrase"):
        begin([passphrase], MARKER)


def test_passphrase() -> None:
    """A passphrase alone opens what it began."""
    header = parse(begin([ScryptRecipient(b"password", 1)])[0])
    assert len(unlock(header, [ALICE, ScryptIdentity(b"password")])) == 16


def test_file_key_of_another_length_is_malformed() -> None:
    """A stanza that wraps anything but 16 bytes is a header error, not a shorter key."""
    stanza = ALICE.recipient.wrap(bytes(17))
    with pytest.raises(HeaderError):
        unlock(parse(encode([stanza, Stanza(("x",), b"")], bytes(17))), [ALICE])
