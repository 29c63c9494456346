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


class PartIdle(Record):
    """One part of an idle service."""

    processes: int
    cpu_seconds: float
    wakes: int
    """How often a thread went back to sleep."""


class Idle(Record):
    """A service while nothing happens."""

    sessions: int
    seconds: float
    """How long."""
    pings: int
    """How often it told systemd that it is alive."""
    parts: dict[str, PartIdle]


class Cost(Record):
    """Memory of a service with idle sessions, in MiB."""

    sessions: int
    private: float
    """Of all processes of a session, that no other process shares: the mean, as are the next two."""
    pss: float
    tables: float
    """Page tables, which are the kernel's."""
    most_private: float
    """Of the session that has most."""
    service: float
    """Private, of the daemon and its fork server."""


class Latency(Record):
    """How long something took each time, in milliseconds."""

    case: str
    count: int
    p50: float
    p99: float
    longest: float


class Storm(Record):
    """Many logons at once, of users whose files are all in the wrong state."""

    users: int
    files: int
    """Of each."""
    first: float
    """Seconds from the logon to the end of the first user's pass, as are the next two."""
    median: float
    last: float
    status: Latency
    """Of answers to `cscd status` meanwhile."""
    cpu_seconds: float
    """Of the daemon meanwhile."""
    plain: int
    """Files that were not encrypted in the end."""


class Elapsed(Record):
    """How long something took, once."""

    case: str
    seconds: float


class Stops(Record):
    """SIGTERM while a large file is converted."""

    bytes: int
    seconds: tuple[float, ...]
    """Until every process had ended, of those that were in the middle of the file."""
    missed: int
    """How often the file was already done, or not yet begun."""


class Service(Record):
    """The service under load; what was not measured is empty."""

    machine: Machine
    load: tuple[float, float]
    """Load average of a minute before and after: what the machine was doing besides."""
    idle: tuple[Idle, ...] = ()
    cost: tuple[Cost, ...] = ()
    logons: tuple[Latency, ...] = ()
    storm: Storm | None = None
    first: tuple[Elapsed, ...] = ()
    arrivals: tuple[Latency, ...] = ()
    stops: Stops | None = None


class Results(Record):
    """Everything measured so far."""

    speed: dict[str, Speed] = {}
    """By the workload's letter."""
    opens: Opens | None = None
    walk: Walk | None = None
    memory: Memory | None = None
    service: Service | None = None

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
