"""The flags of Encrypt."""

import pytest

from cscd.daemon.encrypt.flags import Flag, flags_of

REFERENCE = {
    "LowPriority": 0x200,
    "AsyncProgress": 0x400,
    "Interactive": 0x800,
    "Console": 0x1000,
    "Background": 0x10000,
}


def test_they_are_the_bits_of_the_reference() -> None:
    """Each with its name there."""
    assert {flag.words[0]: flag.value for flag in Flag} == REFERENCE


def test_every_combination_of_them_is_defined() -> None:
    """All thirty-two."""
    for bits in range(1 << len(REFERENCE)):
        chosen = [value for at, value in enumerate(REFERENCE.values()) if bits >> at & 1]
        flags = flags_of(sum(chosen))
        assert flags is not None
        assert [REFERENCE[word] for word in flags.words] == chosen


@pytest.mark.parametrize("bit", [1 << at for at in range(32) if 1 << at not in REFERENCE.values()])
def test_any_other_bit_is_not(bit: int) -> None:
    """Alone, and beside defined ones."""
    assert flags_of(bit) is None
    assert flags_of(bit | sum(REFERENCE.values())) is None
