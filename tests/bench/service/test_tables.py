"""Every scene has a table that fits, and every promise its verdict."""

from bench import report, target
from bench.result import (
    Cost,
    Elapsed,
    Idle,
    Latency,
    PartIdle,
    Results,
    Service,
    Stops,
    Storm,
)
from tests.bench.test_report import MACHINE


def waits(case: str, longest: float) -> Latency:
    """Return some waits."""
    return Latency(case=case, count=500, p50=1.0, p99=longest - 1, longest=longest)


PARTS = {
    "daemon": PartIdle(processes=1, cpu_seconds=0.1, wakes=45),
    "fork server": PartIdle(processes=1, cpu_seconds=0.0, wakes=0),
    "residents": PartIdle(processes=20, cpu_seconds=0.5, wakes=800),
}
SERVICE = Service(
    machine=MACHINE,
    load=(0.5, 3.25),
    idle=(Idle(sessions=20, seconds=600.0, pings=40, parts=PARTS),),
    cost=(Cost(sessions=500, private=6.5, pss=7.0, tables=0.2, most_private=6.7, service=40.0),),
    logons=(waits("one by one", 40.0), waits("at once", 9000.0)),
    storm=Storm(
        users=200,
        files=200,
        first=1.0,
        median=10.0,
        last=20.0,
        status=waits("status", 100.0),
        cpu_seconds=3.0,
        plain=1,
    ),
    first=(Elapsed(case="plain", seconds=4.0), Elapsed(case="plain", seconds=6.0)),
    arrivals=(waits("one by one", 200.0), waits("5,000 at once", 1500.0)),
    stops=Stops(bytes=1 << 30, seconds=(0.5, 1.5), missed=1),
)


def test_all_that_was_promised_of_the_service_is_judged() -> None:
    """By the worst that was measured."""
    kept = {each.promise: each.kept for each in target.verdicts(Results(service=SERVICE))}
    assert kept == {
        "idle, 20 sessions: wake-ups/min beside pings": False,
        "idle, 20 sessions: wake-ups/min of the others": False,
        "idle session of 500, private": False,
        "logon to worker, one by one, p99": True,
        "storm of 200 logons: files left plain": False,
        "status during the storm, longest": True,
        "close to encrypted, one by one": True,
        "SIGTERM in the middle of a file": True,
    }


def test_the_report_has_every_scene() -> None:
    """In tables that fit a terminal, with what else the machine was doing."""
    text = report.text(Results(service=SERVICE))
    assert all(len(line) <= 80 for line in text.splitlines() if line.startswith("|"))
    assert text.count("### The service: ") == 7
    assert "Load average of a minute: 0.5 before and 3.2 after." in text
    assert "| plain |      2 |      5.00 |       6.00 |" in text


def test_a_stop_that_was_never_in_the_middle_is_no_measurement() -> None:
    """Then there is nothing to judge."""
    missed = SERVICE.model_copy(update={"stops": Stops(bytes=1, seconds=(), missed=6)})
    assert "SIGTERM in the middle of a file" not in {
        each.promise for each in target.verdicts(Results(service=missed))
    }
    assert "| in the middle |     0 |" in report.text(Results(service=missed))
