"""Passphrases."""

import time

import pytest

from cscd.age import b64
from cscd.age.header import Stanza
from cscd.age.scrypt import ScryptIdentity, ScryptRecipient
from cscd.errors import HeaderError

FILE_KEY = bytes(range(16))
SALT = b64.encode(b"s" * 16).decode()


def test_unwrap() -> None:
    """Only the right passphrase finds the file key, and a header without scrypt is not for passphrases."""
    stanza = ScryptRecipient("p\u00e4ssword".encode(), 4).wrap(FILE_KEY)
    assert ScryptIdentity("p\u00e4ssword".encode()).unwrap([stanza]) == FILE_KEY
    assert ScryptIdentity(b"password").unwrap([stanza]) is None
    assert ScryptIdentity(b"password").unwrap([Stanza(("X25519", "a"), b"")]) is None
    assert ScryptIdentity(b"password").unwrap([]) is None


def test_every_stanza_has_its_own_salt() -> None:
    """Wrapping twice under the same passphrase never repeats a salt or a body."""
    recipient = ScryptRecipient(b"password", 1)
    first, second = recipient.wrap(FILE_KEY), recipient.wrap(FILE_KEY)
    assert first.args[1] != second.args[1]
    assert first.body != second.body


@pytest.mark.parametrize(
    "args",
    [
        (),
        (SALT,),
        (SALT, "10", "more"),
        (SALT[:-2], "10"),
        (SALT + "AAAA", "10"),
        (SALT + "==", "10"),
        (SALT[:-1] + "x", "10"),
        (SALT, "0"),
        (SALT, "01"),
        (SALT, "+1"),
        (SALT, "-1"),
        (SALT, "1_0"),
        (SALT, "0xa"),
        (SALT, "a10"),
        (SALT, "10a"),
        (SALT, "23"),
        (SALT, "64"),
        (SALT, "18446744073709551617"),
        (SALT, "9" * 100_000),
    ],
)
def test_refuses_malformed_stanzas(args: tuple[str, ...]) -> None:
    """Wrong argument counts, salts and work factors are header errors, and cost no work."""
    start = time.monotonic()
    with pytest.raises(HeaderError):
        ScryptIdentity(b"password").unwrap([Stanza(("scrypt", *args), bytes(32))])
    assert time.monotonic() - start < 1


def test_limit_is_the_callers() -> None:
    """A file may ask for as much work as granted, and no more."""
    stanza = ScryptRecipient(b"password", 5).wrap(FILE_KEY)
    assert ScryptIdentity(b"password", max_work_factor=5).unwrap([stanza]) == FILE_KEY
    with pytest.raises(HeaderError, match="above the limit"):
        ScryptIdentity(b"password", max_work_factor=4).unwrap([stanza])


@pytest.mark.parametrize("length", [0, 31, 33])
def test_refuses_bodies_of_other_lengths(length: int) -> None:
    """A body that is not 32 bytes long is a header error."""
    with pytest.raises(HeaderError):
        ScryptIdentity(b"password").unwrap([Stanza(("scrypt", SALT, "1"), bytes(length))])


def test_must_be_alone() -> None:
    """A scrypt stanza next to any other, of whatever type and order, is a header error."""
    stanza = ScryptRecipient(b"password", 1).wrap(FILE_KEY)
    for company in (stanza, Stanza(("X25519", "a"), b""), Stanza(("cscd", "a"), b"")):
        for stanzas in ([stanza, company], [company, stanza]):
            with pytest.raises(HeaderError, match="only stanza"):
                ScryptIdentity(b"password").unwrap(stanzas)


@pytest.mark.parametrize("work_factor", [-1, 0, 23])
def test_recipient_refuses_what_nobody_would_open(work_factor: int) -> None:
    """A work factor that readers refuse by default is not written either."""
    with pytest.raises(ValueError, match="work factor"):
        ScryptRecipient(b"password", work_factor)


def test_representations_show_no_passphrase() -> None:
    """Neither the recipient nor the identity shows its passphrase."""
    for keeper in (ScryptRecipient(b"hunter2"), ScryptIdentity(b"hunter2")):
        assert "hunter2" not in repr(keeper)
        assert "hunter2" not in str(keeper)
