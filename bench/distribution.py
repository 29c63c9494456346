"""Numbers that stand for many: median and percentiles, by the nearest rank.

The nearest rank always names a value that was measured; interpolating would invent one, which matters for
p99 of a few hundred waits.
"""

import math
import statistics
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest measured value that at least `percent` per cent of the values do not exceed.

    Raises:
        ValueError: there are no values, or `percent` is not within (0, 100].
    """
    if not values or not 0 < percent <= 100:
        raise ValueError("a percentile needs values, and a percentage above 0 and at most 100")
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two middle ones.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("a median needs values")
    return statistics.median(values)
