"""Processes as /proc shows them: who started whom, how much memory they take, what they wait for."""

import os
import platform
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

DISK_WAITS = {
    "x86_64": frozenset({74, 75, 277, 306}),
    "aarch64": frozenset({82, 83, 84, 267}),
}
"""Numbers of fsync, fdatasync, sync_file_range and syncfs, by machine (asm/unistd.h)."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of a family of processes at one moment, in bytes."""

    pss: int
    """Proportional set size of all together: a page that n processes map counts 1/n for each."""
    peak: int
    """The largest resident set that a single one of them ever had, all its mappings included."""


@dataclass(frozen=True, slots=True)
class Weight:
    """Memory of some processes, in bytes."""

    private: int = 0
    """That nobody else maps, which would be free if they ended: Private_Clean and Private_Dirty."""
    pss: int = 0
    """Proportional set size."""
    tables: int = 0
    """Page tables: the kernel's memory, and in none of the two."""

    def __add__(self, other: "Weight") -> "Weight":
        """Of both together."""
        return Weight(self.private + other.private, self.pss + other.pss, self.tables + other.tables)


def family(pid: int) -> list[int]:
    """`pid` and every process below it. Processes that end meanwhile are left out."""
    return [pid, *parents(pid)]


def parents(pid: int) -> dict[int, int]:
    """Every process below `pid`, each after its parent, with the parent."""
    children = defaultdict(list)
    for name in os.listdir("/proc"):
        if name.isdecimal() and (parent := _parent(name)) is not None:
            children[parent].append(int(name))
    found: dict[int, int] = {}
    waiting = [pid]
    for member in waiting:  # grows while it is read: breadth first
        waiting.extend(children[member])
        found.update(dict.fromkeys(children[member], member))
    return found


def memory(pids: list[int]) -> Memory:
    """What `pids` take now."""
    return Memory(
        pss=sum(_field(f"/proc/{pid}/smaps_rollup", "Pss:") for pid in pids),
        peak=max((_field(f"/proc/{pid}/status", "VmHWM:") for pid in pids), default=0),
    )


def cpu_seconds(pid: int) -> float:
    """Seconds that all threads of a process, ended ones included, have run; 0 if it is gone."""
    # What clock_getcpuclockid(3) returns, which Python does not wrap: MAKE_PROCESS_CPUCLOCK of the kernel.
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0


def sleeps(pid: int) -> int:
    """How often a thread that it has now went to sleep of its own accord: somebody woke it each time."""
    folder = f"/proc/{pid}/task"
    name = "voluntary_ctxt_switches:"
    return sum(_number(f"{folder}/{task}/status", name) for task in _listed(folder))


def weight(pid: int) -> Weight:
    """What a process weighs; nothing if it is gone."""
    rollup = f"/proc/{pid}/smaps_rollup"
    private = _field(rollup, "Private_Clean:") + _field(rollup, "Private_Dirty:")
    return Weight(private, _field(rollup, "Pss:"), _field(f"/proc/{pid}/status", "VmPTE:"))


def waits_for_disk(pids: list[int]) -> bool:
    """Is any thread of `pids` inside a system call that ends when data is on the disk?"""
    numbers = DISK_WAITS.get(platform.machine(), frozenset())
    return any(number in numbers for pid in pids for number in _system_calls(pid))


def _system_calls(pid: int) -> Iterator[int]:
    folder = f"/proc/{pid}/task"
    for name in _listed(folder):
        word = _read(f"{folder}/{name}/syscall").partition(" ")[0]
        if word.isdecimal():  # otherwise "running", or -1 for a wait outside of any call
            yield int(word)


def _parent(pid: str) -> int | None:
    """Field 4 of /proc/PID/stat; field 2 is a name in parentheses that may contain anything."""
    rest = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(rest[1]) if len(rest) > 1 else None


def _field(path: str, name: str) -> int:
    """A field given in kB, in bytes; 0 if the process is gone."""
    return _number(path, name) * 1024


def _number(path: str, name: str) -> int:
    """The number in a field; 0 if the process is gone."""
    for line in _read(path).splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0


def _listed(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _read(path: str) -> str:
    """The file's text, empty if the process is gone (ENOENT on open, ESRCH on read)."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
