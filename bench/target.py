"""What was promised, next to what was measured."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.distribution import median
from bench.opens import ANY, SYNCING
from bench.result import Memory, Opens, Results, Service, Speed, Walk
from bench.table import render

TIMES_CP = {"S": 2.0, "M": 1.5, "L": 1.5}
"""Largest multiple of cp and sync, by workload."""
FASTER_THAN = {"S": ("rclone", "pyrage-batched", "pyrage-forked")}
"""Peers to beat, by workload."""
OPEN_P50, OPEN_P99 = 0.5, 5.0
"""Milliseconds."""
TIMES_FIND_WARM, TIMES_FIND_COLD = 2.0, 1.2
MEMORY_MIB = 100.0
SESSION_MIB = 6.0
LOGON_MS = 50.0
ARRIVAL_MS = 1000.0
STOP_SECONDS = 5.0
STATUS_MS = 1000.0
"""Our own reading of "stays responsive"."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One promise and whether it was kept."""

    promise: str
    limit: float
    measured: float
    unit: str

    @property
    def kept(self) -> bool:
        """At most the limit."""
        return self.measured <= self.limit


def verdicts(results: Results) -> list[Verdict]:
    """Every promise that something was measured for."""
    found = [verdict for letter, speed in results.speed.items() for verdict in _speed(letter, speed)]
    found += _opens(results.opens) if results.opens else []
    found += _walk(results.walk) if results.walk else []
    found += _memory(results.memory) if results.memory else []
    found += _service(results.service) if results.service else []
    return found


def table(found: list[Verdict]) -> str:
    """Each promise, its limit, what was measured."""
    rows = [
        [
            each.promise,
            f"{each.limit:g}{each.unit}",
            f"{each.measured:.2f}{each.unit}",
            "yes" if each.kept else "NO",
        ]
        for each in found
    ]
    return render(["promise", "at most", "measured", "kept"], rows)


def _speed(letter: str, speed: Speed) -> Iterator[Verdict]:
    timings = {timing.peer: timing for timing in speed.timings}
    if "cscd" not in timings:
        return
    for direction, verb in (("encrypt", "encrypt"), ("decrypt", "unencrypt")):
        middle = {name: median(getattr(timing, direction)) for name, timing in timings.items()}
        limits = [("cp", TIMES_CP[letter]), *((name, 1.0) for name in FASTER_THAN.get(letter, ()))]
        for name, limit in limits:
            if name in middle:
                yield Verdict(f"{letter}: {verb}, to {name}", limit, middle["cscd"] / middle[name], "x")


def _opens(opens: Opens) -> Iterator[Verdict]:
    for waits in opens.waits:
        if waits.situation.endswith((ANY, SYNCING)):
            yield Verdict(f"open, {waits.situation}, p50", OPEN_P50, waits.p50, " ms")
            yield Verdict(f"open, {waits.situation}, p99", OPEN_P99, waits.p99, " ms")


def _walk(walk: Walk) -> Iterator[Verdict]:
    yield Verdict(
        "recheck, warm, to find", TIMES_FIND_WARM, median(walk.warm_cscd) / median(walk.warm_find), "x"
    )
    if walk.cold_find:
        ratio = median(walk.cold_cscd) / median(walk.cold_find)
        yield Verdict("recheck, cold, to find", TIMES_FIND_COLD, ratio, "x")
    if walk.traced_items:
        yield Verdict("recheck opens no item", 0, walk.opened_items, "")


def _memory(memory: Memory) -> Iterator[Verdict]:
    for each in memory.footprints:
        yield Verdict(each.case, MEMORY_MIB, max(each.pss_mib, each.peak_mib), " MiB")


def _service(service: Service) -> Iterator[Verdict]:
    for idle in service.idle:
        daemon = idle.parts["daemon"].wakes - idle.pings
        others = sum(part.wakes for part in idle.parts.values()) - idle.parts["daemon"].wakes
        case = f"idle, {idle.sessions} sessions"
        yield Verdict(f"{case}: wake-ups/min beside pings", 0, 60 * daemon / idle.seconds, "")
        yield Verdict(f"{case}: wake-ups/min of the others", 0, 60 * others / idle.seconds, "")
    for cost in service.cost:
        yield Verdict(f"idle session of {cost.sessions}, private", SESSION_MIB, cost.private, " MiB")
    for logons in service.logons[:1]:  # many at once share the processors: the table says how long that takes
        yield Verdict(f"logon to worker, {logons.case}, p99", LOGON_MS, logons.p99, " ms")
    if storm := service.storm:
        yield Verdict(f"storm of {storm.users} logons: files left plain", 0, storm.plain, "")
        yield Verdict("status during the storm, longest", STATUS_MS, storm.status.longest, " ms")
    for arrivals in service.arrivals[:1]:  # thousands at once take as long as it takes to convert them
        yield Verdict(f"close to encrypted, {arrivals.case}", ARRIVAL_MS, arrivals.longest, " ms")
    if service.stops and service.stops.seconds:
        yield Verdict("SIGTERM in the middle of a file", STOP_SECONDS, max(service.stops.seconds), " s")
