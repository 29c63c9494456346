"""What the processes of a daemon have used so far, by the part that they are."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench import process
from bench.process import Weight

PARTS = ("daemon", "fork server", "residents")
"""From the daemon downwards, a generation each, while no pass is under way."""


@dataclass(frozen=True, slots=True)
class Use:
    """What some processes have used."""

    processes: int = 0
    cpu: float = 0.0
    """Seconds on a processor."""
    sleeps: int = 0
    """How often a thread went to sleep of its own accord: each time something had woken it."""

    def __add__(self, other: "Use") -> "Use":
        """Of both together."""
        return Use(self.processes + other.processes, self.cpu + other.cpu, self.sleeps + other.sleeps)

    def since(self, before: "Use") -> "Use":
        """What was used in between, by the processes that there are now."""
        return Use(self.processes, self.cpu - before.cpu, self.sleeps - before.sleeps)


def parts(daemon: int, parents: dict[int, int]) -> dict[str, list[int]]:
    """The processes of a daemon, by part; what is below the residents' generation counts as theirs."""
    depth = {daemon: 0}
    found: dict[str, list[int]] = {part: [] for part in PARTS}
    found[PARTS[0]].append(daemon)
    for pid, parent in parents.items():
        depth[pid] = min(depth[parent] + 1, len(PARTS) - 1)
        found[PARTS[depth[pid]]].append(pid)
    return found


def use(daemon: int) -> dict[str, Use]:
    """What each part of a daemon has used so far."""
    return {
        part: sum((Use(1, process.cpu_seconds(pid), process.sleeps(pid)) for pid in pids), Use())
        for part, pids in parts(daemon, process.parents(daemon)).items()
    }


def core(daemon: int) -> Weight:
    """What the daemon and its fork server weigh."""
    found = parts(daemon, process.parents(daemon))
    return _weight([pid for part in PARTS[:2] for pid in found[part]])


def sessions(daemon: int) -> list[Weight]:
    """What each session weighs: its resident, and every process below that."""
    parents = process.parents(daemon)
    residents = set(parts(daemon, parents)["residents"])
    owner: dict[int, int] = {}
    for pid, parent in parents.items():
        owner[pid] = pid if pid in residents else owner.get(parent, 0)
    return [_weight([pid for pid, of in owner.items() if of == resident]) for resident in residents]


def _weight(pids: Iterable[int]) -> Weight:
    return sum(map(process.weight, pids), Weight())
