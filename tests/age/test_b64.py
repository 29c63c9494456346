"""Unpadded base64 in its one canonical spelling."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cscd.age import b64
from cscd.errors import HeaderError


@given(st.binary(max_size=100))
def test_round_trip(raw: bytes) -> None:
    """Whatever is encoded is standard base64 without padding, and decodes to itself."""
    assert b64.encode(raw) == base64.b64encode(raw).rstrip(b"=")
    assert b64.decode(b64.encode(raw)) == raw


@pytest.mark.parametrize(
    "text", [b"A", b"AB", b"AAB", b"AA==", b"AA=", b"AA\n", b" AA", b"A-_A", b"AAAA=", b"AAAAA"]
)
def test_refuses(text: bytes) -> None:
    """Stray bits, padding, blanks, other alphabets and impossible lengths are refused."""
    with pytest.raises(HeaderError):
        b64.decode(text)


@given(st.binary(max_size=12))
def test_accepts_only_canonical(text: bytes) -> None:
    """Anything that decodes at all is what encoding the result gives."""
    try:
        raw = b64.decode(text)
    except HeaderError:
        return
    assert b64.encode(raw) == text
