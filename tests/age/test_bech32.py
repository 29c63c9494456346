"""Bech32 without its length limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cscd.age import bech32
from cscd.errors import KeyFormatError

HRPS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20).map(str.lower)


@given(HRPS, st.binary(max_size=200))
def test_round_trip(hrp: str, data: bytes) -> None:
    """Whatever is encoded decodes to itself, also in upper case and beyond 90 characters."""
    text = bech32.encode(hrp, data)
    assert bech32.decode(text) == (hrp, data)
    assert bech32.decode(text.upper()) == (hrp.upper(), data)


def test_known_answers() -> None:
    """The examples of BIP 173 decode that hold whole bytes: one without data and one with 51 zeros."""
    assert bech32.decode("A12UEL5L") == ("A", b"")
    zeros = "11qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqc8247j"
    assert bech32.decode(zeros) == ("1", bytes(51))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "age",
        "1qzzfhee",
        "10a06t8",
        "A12uEL5L",
        "a12uel5m",
        "a1b2uel5l",
        "pzry9x0s0muk",
        "x1b4n0q5v",
        "li1dgmt3",
        "A1G7SGD8",
        "\u00e42uel5l",
        "a\u017f12uel5l",
    ],
)
def test_refuses(text: str) -> None:
    """No separator, no prefix, short or wrong checksums, foreign characters and mixed case are refused."""
    with pytest.raises(KeyFormatError):
        bech32.decode(text)


@given(st.binary(min_size=1, max_size=40), st.data())
def test_finds_every_single_typing_error(data: bytes, draw: st.DataObject) -> None:
    """A single wrong character never goes unnoticed, and never shows in the message."""
    text = bech32.encode("age", data)
    at = draw.draw(st.integers(4, len(text) - 1))
    wrong = draw.draw(st.sampled_from([c for c in "qpzry9x8gf2tvdw0s3jn54khce6mua7l" if c != text[at]]))
    typed = text[:at] + wrong + text[at + 1 :]
    with pytest.raises(KeyFormatError) as caught:
        bech32.decode(typed)
    assert typed[4:] not in str(caught.value)


@pytest.mark.parametrize("values", [[0] * 1, [0, 1]])
def test_refuses_padding_that_is_not_zero_or_too_long(values: list[int]) -> None:
    """Bits after the last byte must be zero and fewer than a character's, or a key had many spellings."""
    with pytest.raises(KeyFormatError, match="stray bits"):
        list(bech32._regroup(values, 5, 8, pad=False))  # noqa: SLF001 - no valid checksum reaches this from outside
