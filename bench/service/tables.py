"""What was measured of the service, as tables."""

from collections.abc import Iterable, Iterator

from bench.distribution import median
from bench.result import Cost, Elapsed, Idle, Latency, Service, Stops, Storm
from bench.table import render


def parts(service: Service) -> Iterator[tuple[str, str]]:
    """The title and the table of each scene that was played."""
    if service.idle:
        minutes = service.idle[0].seconds / 60
        yield f"idle for {minutes:.3g} minutes", _idle(service.idle)
    if service.cost:
        yield "memory of idle sessions, MiB", _cost(service.cost)
    if service.logons:
        yield "from logon to a worker that is ready", _latencies(service.logons)
    if service.storm:
        storm = service.storm
        yield f"{storm.users} logons at once, {storm.files} plain files each", _storm(storm)
    if service.first:
        yield "from one logon until all files are known to be right", _elapsed(service.first)
    if service.arrivals:
        yield "from the close of a new file until it is encrypted", _latencies(service.arrivals)
    if service.stops:
        yield "SIGTERM in the middle of a file of 1 GiB", _stops(service.stops)


def _idle(idle: Iterable[Idle]) -> str:
    rows = [
        [
            f"{each.sessions} sessions: {name}",
            str(part.processes),
            f"{part.cpu_seconds:.3f}",
            str(part.wakes),
            str(each.pings),
        ]
        for each in idle
        for name, part in each.parts.items()
        if part.processes
    ]
    return render(["part", "processes", "CPU, s", "wake-ups", "pings"], rows)


def _cost(costs: Iterable[Cost]) -> str:
    rows = [
        [
            str(each.sessions),
            *(f"{value:.2f}" for value in (each.private, each.most_private, each.pss, each.tables)),
            f"{each.service:.1f}",
        ]
        for each in costs
    ]
    return render(["sessions", "private, each", "at most", "PSS, each", "page tables, each", "service"], rows)


def _latencies(latencies: Iterable[Latency]) -> str:
    rows = [
        [each.case, str(each.count), *(f"{value:.1f}" for value in (each.p50, each.p99, each.longest))]
        for each in latencies
    ]
    return render(["case", "count", "p50, ms", "p99, ms", "longest, ms"], rows)


def _storm(storm: Storm) -> str:
    rows = [
        ["first user's files right", f"{storm.first:.1f} s"],
        ["median", f"{storm.median:.1f} s"],
        ["last", f"{storm.last:.1f} s"],
        ["CPU of the daemon itself", f"{storm.cpu_seconds:.1f} s"],
        ["answer to `cscd status`, p50", f"{storm.status.p50:.1f} ms"],
        ["p99", f"{storm.status.p99:.1f} ms"],
        ["longest", f"{storm.status.longest:.1f} ms"],
    ]
    return render(["what", "measured"], rows)


def _elapsed(found: Iterable[Elapsed]) -> str:
    cases: dict[str, list[float]] = {}
    for each in found:
        cases.setdefault(each.case, []).append(each.seconds)
    rows = [
        [case, str(len(seconds)), f"{median(seconds):.2f}", f"{max(seconds):.2f}"]
        for case, seconds in cases.items()
    ]
    return render(["files", "rounds", "median, s", "longest, s"], rows)


def _stops(stops: Stops) -> str:
    seconds = stops.seconds
    cells = [f"{median(seconds):.2f}", f"{max(seconds):.2f}"] if seconds else ["-", "-"]
    return render(["", "stops", "median, s", "longest, s"], [["in the middle", str(len(seconds)), *cells]])
