"""Foreign text in a log: on one line, harmless, bounded, without secrets, and still the one name it was."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cscd.events.escape import REMOVED, clean, escape, redact, unescape
from tests.events.samples import IDENTITY


@pytest.mark.parametrize(
    "text, escaped",
    [
        ("plain name.odt", "plain name.odt"),
        ("Grüße 東京", "Grüße 東京"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("back\\slash", r"back\\slash"),
        ("\x1b[31m\x00", r"\u001b[31m\u0000"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\U000e0041", r"\U000e0041"),
        (os.fsdecode(b"caf\xe9"), r"caf\xe9"),
    ],
)
def test_what_could_do_harm_is_escaped(text: str, escaped: str) -> None:
    """Control, direction, line ends, bytes that are not UTF-8; and the backslash itself."""
    assert escape(text) == escaped
    assert unescape(escaped) == text


@given(st.binary(max_size=300))
def test_every_file_name_comes_back_exactly(name: bytes) -> None:
    """Whatever bytes it has."""
    escaped = escape(os.fsdecode(name))
    assert escaped.isprintable()
    assert os.fsencode(unescape(escaped)) == name


@given(st.text(st.characters(), max_size=300))
def test_every_text_comes_back_exactly(text: str) -> None:
    """Lone surrogates, too."""
    assert unescape(escape(text)) == text


@given(st.text(max_size=100), st.integers(0, 50))
def test_long_text_is_cut_and_says_how_much_is_missing(text: str, limit: int) -> None:
    """The mark cannot be part of a name, for a name has no single backslash."""
    kept = clean(text, limit)
    if len(text) <= limit:
        assert kept == escape(text)
        return
    assert kept == f"{escape(text[:limit])}\\[{len(text) - limit} more]"
    with pytest.raises(ValueError, match="too long for the log"):
        unescape(kept)


@pytest.mark.parametrize("text", ["\\", "\\q", "\\x", "\\xZZ", "\\u12", "\\[3 more] and on"])
def test_what_no_escape_looks_like_is_refused(text: str) -> None:
    """Then the text was not made by us."""
    with pytest.raises(ValueError, match="not an escape"):
        unescape(text)


@pytest.mark.parametrize(
    "secret",
    [
        IDENTITY,
        IDENTITY.lower(),
        IDENTITY[:40],
        "AGE-SECRET-KEY-PQ-1" + "Q" * 60,
        "AGE-PLUGIN-X-1 " + IDENTITY,
    ],
)
def test_what_looks_like_an_identity_is_removed(secret: str) -> None:
    """Whole or in part, in either case, of every kind; the rest of the text stays."""
    cleaned = clean(f"before {secret} after", 1000)
    assert "SECRET-KEY-" not in cleaned.upper()
    assert cleaned.startswith("before ")
    assert cleaned.endswith(f"{REMOVED} after")


def test_a_cut_does_not_leave_half_an_identity() -> None:
    """It is removed before the text is cut."""
    assert "AGE-SECRET" not in clean("x" * 20 + IDENTITY, 40)


def test_recipients_stay() -> None:
    """They are public."""
    recipient = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
    assert redact(recipient) == recipient
