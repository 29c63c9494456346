"""What a run measured, as it is kept in JSON. Each benchmark names the machine and the day it ran."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A part of the results: never changed after it was measured, and nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Machine(Record):
    """Where and when a benchmark ran."""

    date: str
    """Day, ISO 8601, UTC."""
    processor: str
    cores: int
    memory_gib: int
    kernel: str
    filesystem: str
    versions: dict[str, str]
    """Program to version."""


class Timing(Record):
    """One peer's rounds."""

    peer: str
    how: str
    """What was timed, and what was durable in the end."""
    encrypt: tuple[float, ...]
    """Seconds per round."""
    decrypt: tuple[float, ...]
    """Seconds per round."""


class Speed(Record):
    """One workload, converted by every peer."""

    machine: Machine
    workload: str
    files: int
    bytes: int
    timings: tuple[Timing, ...]
    absent: dict[str, str]
    """Peers that could not run, and why."""


class Waits(Record):
    """How long open(2) took in one situation."""

    situation: str
    opens: int
    p50: float
    """Milliseconds, as are the next two."""
    p99: float
    longest: float


class Opens(Record):
    """Opening items for reading while they are converted."""

    machine: Machine
    waits: tuple[Waits, ...]


class Walk(Record):
    """Rechecking a tree that is right already, against find."""

    machine: Machine
    items: int
    warm_find: tuple[float, ...]
    """Seconds per round, as are the next three."""
    warm_cscd: tuple[float, ...]
    cold_find: tuple[float, ...]
    cold_cscd: tuple[float, ...]
    traced_items: int
    """Items of the smaller tree on which system calls were traced; 0 if strace is missing."""
    opened_items: int
    """How many of those were opened; 0 is the promise."""


class Footprint(Record):
    """Memory of one pass."""

    case: str
    pss_mib: float
    """Largest sum of the proportional set sizes of all its processes, sampled."""
    peak_mib: float
    """Largest resident set of a single one of its processes, by the kernel's own account."""
    seconds: float


class Memory(Record):
    """Memory of passes of several kinds."""

    machine: Machine
    footprints: tuple[Footprint, ...]


class Results(Record):
    """Everything measured so far."""

    speed: dict[str, Speed] = {}
    """By the workload's letter."""
    opens: Opens | None = None
    walk: Walk | None = None
    memory: Memory | None = None

    @classmethod
    def load(cls, path: Path) -> "Results":
        """What `path` holds; nothing measured if there is no such file.

        Raises:
            pydantic.ValidationError: the file is something else.
        """
        return cls.model_validate_json(path.read_bytes()) if path.exists() else cls()

    def save(self, path: Path) -> None:
        """Write everything to `path`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
