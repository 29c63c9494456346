"""How much work it shall be to try one passphrase on this machine: about a second of scrypt.

Whoever has stolen the files has to do the same work for every guess. The work factor is the base-two
logarithm of scrypt's N (RFC 7914): one more is twice the time, and twice the memory, 1024 * 2**factor bytes.
"""

import functools
import math
import os
import time
from typing import Final

from cscd.age import ScryptRecipient

LEAST: Final = 15
"""What a machine must do however slow it is: 32 MiB, which hinders trying many at once."""
MOST: Final = 20
"""What is asked at most, when wrapping and when opening: 1 GiB."""

_WANTED: Final = 1.0
"""Seconds for one try."""
_SAMPLE: Final = 14
"""The factor that is timed: 16 MiB are more than a processor's caches, and take a twentieth of a second."""
_SAMPLES: Final = 3
_SHARE: Final = 4
"""The part of the machine's memory that one try may take."""


@functools.cache
def work_factor() -> int:
    """Return the work factor that takes about a second here, 15 to 20.

    Measured once in a process, in about a tenth of a second, by timing a smaller one. Never so large that it
    takes more than a quarter of the machine's memory.
    """
    return fitting(
        min(_timed() for _ in range(_SAMPLES)), os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    )


def fitting(sample: float, memory: int) -> int:
    """Return it for a machine of `memory` bytes, on which the factor that is timed takes `sample` seconds."""
    by_time = _SAMPLE + round(math.log2(_WANTED / sample))
    by_memory = (memory // _SHARE // 1024).bit_length() - 1
    return max(LEAST, min(by_time, by_memory, MOST))


def _timed() -> float:
    """Time one wrapping, in seconds; the fastest counts, for what else runs meanwhile only adds to it."""
    recipient = ScryptRecipient(b"measured", _SAMPLE)
    before = time.perf_counter()
    recipient.wrap(bytes(16))
    return time.perf_counter() - before
