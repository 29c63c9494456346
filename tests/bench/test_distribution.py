"""Medians and percentiles name what was measured."""

import pytest

from bench.distribution import median, percentile


@pytest.mark.parametrize(
    "percent,expected",
    [(50, 50), (99, 99), (99.5, 100), (100, 100), (0.1, 1)],
)
def test_a_percentile_is_the_smallest_value_that_covers_its_share(percent: float, expected: float) -> None:
    """Of 1 to 100, the 99th percentile is 99: 99 of the 100 values do not exceed it."""
    assert percentile(list(range(100, 0, -1)), percent) == expected


def test_every_percentile_of_one_value_is_that_value() -> None:
    """With a single sample there is nothing else to name."""
    assert percentile([7.0], 1) == percentile([7.0], 99) == 7.0


@pytest.mark.parametrize("values,percent", [([], 50), ([1.0], 0), ([1.0], 101)])
def test_a_percentile_needs_values_and_a_share(values: list[float], percent: float) -> None:
    """No values, or a share that is none, is an error of the caller."""
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, percent)


def test_the_median_is_not_moved_by_one_bad_round() -> None:
    """One slow round of three changes nothing; of an even number the two middle ones count."""
    assert median([1.0, 100.0, 2.0]) == 2.0
    assert median([1.0, 2.0]) == 1.5


def test_a_median_needs_values() -> None:
    """There is no median of nothing."""
    with pytest.raises(ValueError, match="median"):
        median([])
