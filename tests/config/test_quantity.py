"""Durations and sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cscd.config.quantity import Duration, Size

ANY = Duration(0, 1e9 * 86_400)
BYTES = Size(0, 1 << 62)


@pytest.mark.parametrize(
    "value, seconds",
    [(90, 90), (1.5, 1.5), ("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("1d", 86_400), ("0", 0)],
)
def test_a_duration_is_seconds_or_has_a_unit(value: object, seconds: float) -> None:
    """To the millisecond."""
    assert ANY.read(value) == seconds


@pytest.mark.parametrize(
    "value", [None, True, "", "s", "1x", "1 h", "-1", -1, "1h30m", "1e3", "\u0661s", (1,), {}, "1.2345s"]
)
def test_nothing_else_is_a_duration(value: object) -> None:
    """No sign, no second unit, no other script's digits."""
    with pytest.raises(ValueError, match=r"^$"):
        ANY.read(value)


@pytest.mark.parametrize("value, fits", [(59, False), (60, True), ("1h", True), ("61m", False), (0, True)])
def test_a_duration_has_bounds(value: object, fits: bool) -> None:
    """Both included; 0 may stand for something else."""
    kind = Duration(60, 3_600, zero="never")
    assert kind.phrase.endswith("from 1m to 1h, or 0 for never")
    if fits:
        kind.read(value)
        return
    with pytest.raises(ValueError, match=r"^$"):
        kind.read(value)


@given(st.integers(0, 10**12 - 1))
def test_a_duration_is_written_so_that_it_is_read_back(milliseconds: int) -> None:
    """In the largest unit that fits."""
    seconds = round(milliseconds / 1000, 3)
    assert ANY.read(ANY.written(seconds)) == seconds


@pytest.mark.parametrize("value, count", [(65536, 65536), ("0", 0), ("64K", 65536), ("2G", 2 << 30)])
def test_a_size_is_bytes_or_has_a_unit(value: object, count: int) -> None:
    """Powers of 1024."""
    assert BYTES.read(value) == count


@pytest.mark.parametrize("value", [None, True, 1.5, "", "K", "1.5G", "64 M", "64MB", "64k", "-1", -1])
def test_nothing_else_is_a_size(value: object) -> None:
    """No fraction, no sign, no small letters."""
    with pytest.raises(ValueError, match=r"^$"):
        BYTES.read(value)


@given(st.integers(0, 1 << 62))
def test_a_size_is_written_so_that_it_is_read_back(count: int) -> None:
    """In the largest unit that fits."""
    written = BYTES.written(count)
    assert BYTES.read(int(written) if written.isdigit() else written) == count
