"""``--range``: which bytes it stands for."""

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cscd.cli.byterange import ByteRange


@pytest.mark.parametrize(
    "text, start, stop",
    [("0-0", 0, 1), ("100-199", 100, 200), ("100-", 100, None), ("100+50", 100, 150), ("7+0", 7, 7)],
)
def test_a_range_is_bounded_by_bytes(text: str, start: int, stop: int | None) -> None:
    """The last byte of START-END belongs to it, as in HTTP."""
    assert ByteRange.parse(text) == ByteRange(start, stop)


@pytest.mark.parametrize(
    "text", ["", "5", "-5", "+5", "5-4", "a-b", "1-2-3", "1-2,4-5", "0x1-2", "1" * 20 + "-"]
)
def test_anything_else_is_no_range(text: str) -> None:
    """The error says why."""
    with pytest.raises(argparse.ArgumentTypeError):
        ByteRange.parse(text)


@given(st.binary(max_size=60), st.integers(0, 70), st.none() | st.integers(0, 70), st.integers(1, 20))
def test_the_parts_of_the_pieces_are_the_part_of_the_whole(
    whole: bytes, start: int, stop: int | None, size: int
) -> None:
    """However the plaintext comes in pieces."""
    wanted = ByteRange(start, stop)
    pieces = [(at, memoryview(whole)[at : at + size]) for at in range(0, len(whole), size)]
    assert b"".join(wanted.part_of(piece, at) for at, piece in pieces) == whole[start:stop]
