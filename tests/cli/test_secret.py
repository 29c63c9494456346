"""A secret is never shown by accident."""

import pickle

import pytest

from cscd.cli.secret import Secret

WORD = b"open sesame"


def test_nothing_prints_it() -> None:
    """Neither itself, nor what holds it, nor a message about it."""
    secret = Secret(WORD)
    for text in (repr(secret), str(secret), f"{secret}", repr({"passphrase": secret})):
        assert "sesame" not in text
    assert secret.reveal() == WORD
    assert secret == Secret(WORD)
    assert secret != Secret(b"other")
    assert len({secret, Secret(WORD)}) == 1


def test_it_goes_to_no_other_process_by_mistake() -> None:
    """It cannot be pickled."""
    with pytest.raises(TypeError):
        pickle.dumps(Secret(WORD))
