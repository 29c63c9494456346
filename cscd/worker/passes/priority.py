"""Making way: the priority of a process that works in the background.

For the process of a pass, before it forks its converters, which inherit it. There is no way back: raising a
priority again is a privilege that a user's process does not have. So a worker itself keeps the priority that
it has, to answer in time, and each pass is a process that ends with it.
"""

import os
from typing import Final, Literal

from cscd.worker import kernel

Io = Literal["idle", "low", "normal"]
"""What I/O waits for: for all others', for most of it, or for its turn."""

_LAST: Final = 7
"""The last level of the class best-effort (ioprio_set(2))."""


def step_back(io: Io, nice: int) -> None:
    """Lower the priority of this process, and of those that it forks from now on, for good.

    Schedulers of block devices go by it where they are such that do: bfq and mq-deadline do, "none" does not.

    Args:
        io: the rank of its reads and writes.
        nice: the nice value (nice(2)) that it shall have; one that is no lower priority changes nothing.

    Raises OSError where the machine's kernel has no such call.
    """
    more = nice - os.getpriority(os.PRIO_PROCESS, 0)
    if more > 0:
        os.nice(more)
    if io == "idle":
        kernel.set_io_priority(kernel.IO_IDLE)
    elif io == "low":
        kernel.set_io_priority(kernel.IO_BEST_EFFORT, _LAST)
