"""Keys as people write them, and files of them."""

import pytest

from cscd.age import keys
from cscd.age.hybrid import HybridIdentity
from cscd.age.x25519 import X25519Identity
from cscd.errors import KeyFormatError

IDENTITY, OTHER = X25519Identity.generate(), X25519Identity.generate()
SECRET, PUBLIC = IDENTITY.encode(), str(IDENTITY.recipient)
HYBRID = HybridIdentity.generate()
PQ_SECRET, PQ_PUBLIC = HYBRID.encode(), str(HYBRID.recipient)


def test_single_keys() -> None:
    """A recipient and an identity are read back as they were written."""
    assert keys.parse_recipient(PUBLIC) == IDENTITY.recipient
    assert keys.parse_identity(SECRET).encode() == SECRET
    assert keys.parse_recipient(PQ_PUBLIC) == HYBRID.recipient
    assert keys.parse_identity(PQ_SECRET).encode() == PQ_SECRET


def test_files() -> None:
    """A file may have comments, blank lines, either line end, and no line end at the end."""
    text = f"# cr\u00e9\u00e9: today\r\n\r\n{SECRET}\r\n\n#{SECRET}\n  {OTHER.encode()}\n{PQ_SECRET}"
    found = [key.encode() for key in keys.parse_identities(text.encode())]
    assert found == [SECRET, OTHER.encode(), PQ_SECRET]
    assert keys.parse_recipients(f"\n{PUBLIC}\n{PQ_PUBLIC}".encode()) == [
        IDENTITY.recipient,
        HYBRID.recipient,
    ]


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n"])
def test_file_without_keys(text: str) -> None:
    """A file that holds no key is an error: nobody means to encrypt for nobody."""
    for parse in (keys.parse_identities, keys.parse_recipients):
        with pytest.raises(KeyFormatError, match="no key"):
            parse(text.encode())


@pytest.mark.parametrize(
    "wrong",
    [
        *[SECRET[:-1], SECRET.lower(), SECRET + "\u00e9", SECRET + " # mine", "\0" + SECRET],
        *[PQ_SECRET[:-1], PQ_SECRET.lower(), PQ_SECRET + " # mine"],
    ],
)
def test_errors_name_the_line_only(wrong: str) -> None:
    """An error names the line; neither its text nor anything it chains shows the secret."""
    with pytest.raises(KeyFormatError, match=r"^line 3: ") as caught:
        keys.parse_identities(f"# one\n{SECRET}\n{wrong}\n".encode())
    assert wrong[20:60] not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "wrong, hint",
    [
        ("ssh-ed25519 AAAA", "only recipients"),
        ("age1tag1qqqq", "only recipients"),
        ("age1tagpq1qqqq", "only recipients"),
        ("age1pq1qqqqqqq", "typing error"),
        (PQ_SECRET, "identity"),
        (SECRET, "identity"),
        (SECRET.lower(), "identity"),
        ("hello", "not a Bech32"),
        ("a" * 10_000, "characters"),
    ],
)
def test_recipient_hints(wrong: str, hint: str) -> None:
    """What is no recipient is refused with what it is instead."""
    with pytest.raises(KeyFormatError, match=hint):
        keys.parse_recipient(wrong)


@pytest.mark.parametrize(
    "wrong, hint",
    [
        ("AGE-PLUGIN-TPM-1QQQ", "only identities"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "only identities"),
        ("AGE-SECRET-KEY-PQ-1QQQQQQQ", "typing error"),
        (PUBLIC, "recipient"),
        (PQ_PUBLIC, "recipient"),
        ("hello", "not a Bech32"),
        ("A" * 10_000, "characters"),
    ],
)
def test_identity_hints(wrong: str, hint: str) -> None:
    """What is no identity is refused with what it is instead."""
    with pytest.raises(KeyFormatError, match=hint):
        keys.parse_identity(wrong)


def test_bounded() -> None:
    """A file that is too large is refused before it is looked at."""
    with pytest.raises(KeyFormatError, match="at most"):
        keys.parse_identities(b"#" * (keys.MAX_KEY_FILE + 1))
    with pytest.raises(KeyFormatError, match="no key"):
        keys.parse_identities(b"#" * keys.MAX_KEY_FILE)
