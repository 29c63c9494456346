"""What idle sessions cost, and how long it takes from a logon to a worker at work.

A session costs what its processes have for themselves: what they share with the fork server and with each
other is there once, however many there are. Each has had its files encrypted, and been left alone since.
"""

from bench.distribution import latency
from bench.progress import say
from bench.result import Cost, Latency
from bench.service import ledger
from bench.service.ground import Ground
from bench.service.running import Running, running
from bench.volume import MIB, Volume

FILES = 200
"""Of each user."""
ONE_BY_ONE = 100
"""Logons of which each waits until the files of the one before are right."""


def measure(volume: Volume, *, sessions: int) -> tuple[list[Cost], list[Latency]]:
    """Weigh 1, 100 and `sessions` idle sessions, and time as many logons."""
    say(f"service: {sessions} users with {FILES} files each")
    few = min(ONE_BY_ONE, sessions)
    ground = Ground.make(volume, "cost")
    ground.settle_in(range(sessions), FILES)
    costs = []
    waits: list[float] = []
    with running(ground) as daemon:
        for number in range(few):
            began = daemon.log_on([number])
            waits += daemon.ready(began).values()
            daemon.compliant(began)
            if number in {0, few - 1}:
                costs.append(_weighed(daemon, number + 1))
        daemon.compliant(daemon.log_on(range(few, sessions)))
        if sessions > few:
            costs.append(_weighed(daemon, sessions))
    return costs, [latency("one by one", waits), _at_once(ground, sessions)]


def _at_once(ground: Ground, sessions: int) -> Latency:
    """All users at once, whose files are right by now."""
    say(f"  {sessions} logons at once")
    with running(ground) as daemon:
        return latency("at once", daemon.ready(daemon.log_on(range(sessions))).values())


def _weighed(daemon: Running, sessions: int) -> Cost:
    """Each session by itself, and the service."""
    daemon.settle()
    weights = ledger.sessions(daemon.pid)
    cost = Cost(
        sessions=len(weights),
        private=sum(each.private for each in weights) / len(weights) / MIB,
        pss=sum(each.pss for each in weights) / len(weights) / MIB,
        tables=sum(each.tables for each in weights) / len(weights) / MIB,
        most_private=max(each.private for each in weights) / MIB,
        service=ledger.core(daemon.pid).private / MIB,
    )
    say(f"  {sessions} idle: {cost.private:.2f} MiB private each")
    return cost
