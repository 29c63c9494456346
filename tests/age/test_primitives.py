"""HKDF and the wrapping of file keys."""

import os

import pytest

from cscd.age import primitives
from cscd.errors import HeaderError


def test_hkdf_known_answer() -> None:
    """HKDF gives the first block of RFC 5869's test case 1."""
    key = primitives.hkdf(b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)))
    assert key.hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"


def test_hkdf_empty_salt() -> None:
    """An empty salt gives the first block of RFC 5869's test case 3."""
    key = primitives.hkdf(b"\x0b" * 22, b"", b"")
    assert key.hex() == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"


def test_unwrap() -> None:
    """The key that wrapped a file key opens it, another one gives None."""
    wrap_key, file_key = os.urandom(32), os.urandom(16)
    body = primitives.wrap(wrap_key, file_key)
    assert len(body) == primitives.WRAPPED
    assert primitives.unwrap(wrap_key, body) == file_key
    assert primitives.unwrap(os.urandom(32), body) is None


@pytest.mark.parametrize("length", [0, 15, 17, 32])
def test_unwrap_refuses_other_lengths(length: int) -> None:
    """A genuine body that holds anything but 16 bytes is malformed, not a key."""
    wrap_key = os.urandom(32)
    with pytest.raises(HeaderError):
        primitives.unwrap(wrap_key, primitives.wrap(wrap_key, bytes(length)))
