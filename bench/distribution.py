"""Numbers that stand for many: median and percentiles, by the nearest rank.

The nearest rank always names a value that was measured; interpolating would invent one, which matters for
p99 of a few hundred waits.
"""

import math
import statistics
from collections.abc import Iterable, Sequence

from bench.result import Latency


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


def latency(case: str, seconds: Iterable[float]) -> Latency:
    """How long something took each time, as it is kept.

    Raises:
        ValueError: it never took place.
    """
    waits = [1000 * each for each in seconds]
    return Latency(
        case=case,
        count=len(waits),
        p50=percentile(waits, 50),
        p99=percentile(waits, 99),
        longest=max(waits),
    )
