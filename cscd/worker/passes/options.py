"""How a pass is done, beyond its goal."""

import os
from dataclasses import dataclass, field

from cscd.worker.passes.places import WHOLE, Places
from cscd.worker.passes.priority import Io
from cscd.worker.passes.selection import Selection


def converter_processes() -> int:
    """Return how many converter processes a pass has on this machine."""
    return min(4, 1 + (os.cpu_count() or 1))


@dataclass(frozen=True, slots=True)
class Options:
    """How a pass is done, beyond its goal."""

    selection: Selection
    state_directory: str
    """Where the index and the lock of each tree are; exists, and is the caller's own."""
    retry_for: float = 0.0
    """Seconds for which to come back to items that were open."""
    looking: bool = False
    """Only look and say what would be done."""
    processes: int = field(default_factory=converter_processes)
    """Converter processes. One more than cores, because some wait for the disk; with two more, whoever opens
    an item waits for a processor. No more than four, for each takes 12 MiB."""
    threads: int = field(default_factory=lambda: min(4, os.cpu_count() or 1))
    """Threads on one large file."""
    io: Io = "normal"
    """The rank of the converter processes' reads and writes in the background."""
    nice: int = 5
    """Their nice value in the background (nice(2))."""
    places: Places = WHOLE
    """What to look at."""
    leave_quickly: bool = False
    """Once stopped, do not wait until the exchanges have reached the medium; items are whole either way."""
