"""The stanza that marks a file as encrypted by this cache."""

import pytest

from cscd.age.header import Stanza, encode, parse
from cscd.age.marker import Marker, find, key_id, set_id
from cscd.age.x25519 import X25519Identity, X25519Recipient

FILE_KEY = bytes(16)
KEY_ID = "0123456789abcdef"
SET_ID = "fedcba9876543210"
ALICE = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
BOB = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg"
OTHER = Stanza(("X25519", "x"), bytes(32))


def find_in(*stanzas: Stanza) -> Marker | None:
    """Return the marker in a header with these stanzas."""
    return find(parse(encode(stanzas, FILE_KEY)))


@pytest.mark.parametrize("recipients", ["", SET_ID])
@pytest.mark.parametrize("sparse", [False, True])
def test_round_trip(recipients: str, sparse: bool) -> None:
    """A marker is found as it was written, wherever it stands, also one that does not name a set."""
    marker = Marker(KEY_ID, recipients, sparse)
    assert find_in(marker.stanza(), OTHER) == marker
    assert find_in(OTHER, marker.stanza()) == marker


def test_wire_form() -> None:
    """The stanza is what the documentation says, so that later versions find it."""
    ids = b"0123456789abcdef fedcba9876543210"
    assert Marker(KEY_ID, SET_ID).stanza().encode() == b"-> cscd %b\n\n" % ids
    assert Marker(KEY_ID, SET_ID, sparse=True).stanza().encode() == b"-> cscd %b sparse\n\n" % ids
    assert Marker(KEY_ID, sparse=True).stanza().encode() == b"-> cscd 0123456789abcdef sparse\n\n"


@pytest.mark.parametrize(
    "stanza",
    [
        OTHER,
        Stanza(("cscd",), b""),
        Stanza(("CSCD", KEY_ID), b""),
        Stanza(("cscd", KEY_ID), b"body"),
        Stanza(("cscd", KEY_ID, "dense"), b""),
        Stanza(("cscd", KEY_ID, "sparse", "sparse"), b""),
        Stanza(("cscd", "sparse"), b""),
        Stanza(("cscd", KEY_ID, SET_ID, SET_ID), b""),
        Stanza(("cscd", KEY_ID, "sparse", SET_ID), b""),
        Stanza(("cscd", KEY_ID, SET_ID.upper()), b""),
        Stanza(("cscd", KEY_ID.upper()), b""),
        Stanza(("cscd", KEY_ID[:-1]), b""),
        Stanza(("cscd", KEY_ID + "0"), b""),
    ],
)
def test_ignores_what_it_would_not_write(stanza: Stanza) -> None:
    """A stanza that is not exactly a marker marks nothing."""
    assert find_in(stanza, OTHER) is None


def test_ignores_a_marker_alone_and_twice() -> None:
    """A file that is for nobody, or marked twice, is not ours."""
    stanza = Marker(KEY_ID).stanza()
    assert find_in(stanza) is None
    assert find_in(stanza, stanza, OTHER) is None


def test_key_id_never_changes() -> None:
    """The key id of a recipient is fixed for good: files on disk carry it."""
    recipient = X25519Recipient.parse(ALICE)
    assert key_id(recipient) == "6d6f9d029dc392ce"
    assert key_id(X25519Identity.generate().recipient) != key_id(X25519Identity.generate().recipient)


def test_set_id_never_changes() -> None:
    """The set id is fixed for good, too, whatever order the recipients come in."""
    assert set_id([ALICE, BOB]) == set_id([BOB, ALICE, BOB]) == "a36d67143029e485"
    assert len({set_id([ALICE, BOB]), set_id([ALICE]), set_id([BOB]), set_id([])}) == 4
