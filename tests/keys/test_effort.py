"""How much work a passphrase is: measured, and bounded."""

import time

import pytest

from cscd.age import ScryptRecipient
from cscd.keys import work_factor
from cscd.keys.effort import fitting

GIB = 1 << 30


@pytest.mark.parametrize(
    "sample, memory, expected",
    [
        (1 / 16, 64 * GIB, 18),  # as on a computer of 2020
        (1 / 32, 64 * GIB, 19),
        (1 / 1000, 64 * GIB, 20),
        (4.0, 64 * GIB, 15),
        (1 / 64, 2 * GIB, 19),  # a quarter of the memory is 512 MiB
        (1 / 64, GIB // 2, 17),
        (1 / 64, GIB // 64, 15),
    ],
)
def test_it_fits_the_machine(sample: float, memory: int, expected: int) -> None:
    """About a second and at most a quarter of the memory, between 15 and 20."""
    assert fitting(sample, memory) == expected


def test_it_takes_about_a_second_here() -> None:
    """Where the machine is neither too fast nor too slow for the bounds; measured once, and quickly."""
    before = time.monotonic()
    factor = work_factor()
    assert time.monotonic() - before < 1.0
    assert factor == work_factor()
    before = time.perf_counter()
    ScryptRecipient(b"tried", factor).wrap(bytes(16))
    took = time.perf_counter() - before
    assert took < 4.0  # with others at work here
    assert took > 0.3 or factor == 20
