"""What a service costs while nothing happens: processor time, and how often anything of it is woken.

Under systemd's watchdog as the unit has it. All daemons of the scene are idle at the same time, for counts
and processor time do not depend on what else runs.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence

from bench.progress import say
from bench.result import Idle, PartIdle
from bench.service import ledger
from bench.service.ground import Ground
from bench.service.ledger import Use
from bench.service.running import Running, running
from bench.volume import Volume

DRAINED_EVERY = 60.0
"""Seconds between two looks at the pings: ten of them have room (net.unix.max_dgram_qlen)."""
FILES = 200
"""Of each user."""


def measure(volume: Volume, *, sessions: Sequence[int], window: float) -> list[Idle]:
    """Let daemons with so many sessions be idle for `window` seconds."""
    say(f"service: idle for {window:g} s")
    with contextlib.ExitStack() as stack:
        daemons = [(count, stack.enter_context(_daemon(volume, count))) for count in sessions]
        before = []
        for _, daemon in daemons:
            daemon.settle()
            daemon.pings()
            before.append(ledger.use(daemon.pid))
        end = time.monotonic() + window
        pings = [0] * len(daemons)
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, DRAINED_EVERY))
            pings = [count + daemon.pings() for count, (_, daemon) in zip(pings, daemons, strict=True)]
        return [
            _idle(count, window, daemon, was, counted)
            for (count, daemon), was, counted in zip(daemons, before, pings, strict=True)
        ]


@contextlib.contextmanager
def _daemon(volume: Volume, sessions: int) -> Iterator[Running]:
    ground = Ground.make(volume, f"idle-{sessions}")
    users = range(sessions)
    ground.settle_in(users, FILES)
    with running(ground) as daemon:
        daemon.compliant(daemon.log_on(users))
        yield daemon


def _idle(sessions: int, window: float, daemon: Running, before: dict[str, Use], pings: int) -> Idle:
    now = ledger.use(daemon.pid)
    used = {part: now[part].since(before[part]) for part in ledger.PARTS}
    return Idle(
        sessions=sessions,
        seconds=window,
        pings=pings,
        parts={
            part: PartIdle(processes=each.processes, cpu_seconds=each.cpu, wakes=each.sleeps)
            for part, each in used.items()
        },
    )
