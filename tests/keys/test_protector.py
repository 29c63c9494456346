"""A passphrase is bounded, and shown nowhere."""

import pickle

import pytest

from cscd.errors import KeyFormatError
from cscd.keys import Passphrase


@pytest.mark.parametrize("size", [1, 1024])
def test_any_bytes_are_one(size: int) -> None:
    """Taken as they are."""
    secret = bytes(range(256))[-size:] * -(-size // 256)
    assert Passphrase(secret[:size]).reveal() == secret[:size]


@pytest.mark.parametrize("size", [0, 1025])
def test_too_few_or_too_many_are_none(size: int) -> None:
    """The error does not show them."""
    with pytest.raises(KeyFormatError, match="1 to 1024 bytes") as caught:
        Passphrase(b"x" * size)
    assert "xx" not in repr(caught.value)


def test_nothing_shows_it() -> None:
    """Not even how long it is; and it cannot be sent or stored by accident."""
    secret = Passphrase(b"correct horse")
    assert f"{secret!r} {secret!s} {secret}".count("hidden") == 3
    with pytest.raises(TypeError, match="not written down"):
        pickle.dumps(secret)
