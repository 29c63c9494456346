"""Sizes, times and counts as people read and write them."""

import argparse

import pytest

from cscd.cli import quantities


@pytest.mark.parametrize(
    "count, text",
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (10_189, "10 KiB"),
        (10_300, "10 KiB"),
        (5 << 20, "5.0 MiB"),
        (1 << 40, "1.0 TiB"),
        (1 << 80, "1048576 EiB"),
    ],
)
def test_a_size_has_a_unit(count: int, text: str) -> None:
    """One digit after the point, where it is the second that counts."""
    assert quantities.size(count) == text


@pytest.mark.parametrize(
    "count, text",
    [
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1:00 min"),
        (187, "3:07 min"),
        (7_810, "2:10 h"),
        (3_599.7, "1:00 h"),
    ],
)
def test_a_time_span_has_a_unit(count: float, text: str) -> None:
    """Tenths matter only to short ones."""
    assert quantities.seconds(count) == text


def test_items_are_counted_in_english() -> None:
    """One item, several items."""
    assert [quantities.items(count) for count in (0, 1, 1234)] == ["0 items", "1 item", "1,234 items"]


@pytest.mark.parametrize(
    "text, seconds", [("0", 0), ("90", 90), ("90s", 90), ("10m", 600), ("1h", 3600), ("0.5s", 0.5)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    """Seconds need no unit."""
    assert quantities.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "10x", "1h30m", "inf", "nan", "1e9", " 5", "5 s", "9" * 10])
def test_anything_else_is_no_duration(text: str) -> None:
    """The error gives examples."""
    with pytest.raises(argparse.ArgumentTypeError, match="such as 90s, 10m or 1h"):
        quantities.duration(text)
