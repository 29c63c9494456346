"""Many logons in one moment, of users whose files are all in the wrong state.

Whether everybody is served, how the last one fares beside the first, and whether the daemon still answers.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bench import process
from bench.distribution import latency, median
from bench.progress import say
from bench.result import Storm
from bench.service.ground import Ground
from bench.service.running import Running, running
from bench.volume import Volume

ASKED_EVERY = 0.1
"""Seconds between two questions for the status of everything, as root asks it."""


def measure(volume: Volume, *, users: int, files: int) -> Storm:
    """Log `users` on at once, with `files` plain files each."""
    say(f"service: a storm of {users} logons with {files} files each")
    ground = Ground.make(volume, "storm")
    ground.settle_in(range(users), files)
    with running(ground) as daemon:
        with _asking(daemon) as waits:
            cpu = process.cpu_seconds(daemon.pid)
            took = sorted(daemon.compliant(daemon.log_on(range(users))).values())
            cpu = process.cpu_seconds(daemon.pid) - cpu
        return Storm(
            users=users,
            files=files,
            first=took[0],
            median=median(took),
            last=took[-1],
            status=latency("status", waits),
            cpu_seconds=cpu,
            plain=ground.plain(range(users)),
        )


@contextmanager
def _asking(daemon: Running) -> Iterator[list[float]]:
    """Ask for the status again and again until the end of the block; the seconds that answers took."""
    waits: list[float] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(ASKED_EVERY):
            waits.append(daemon.ask())

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield waits
        waits.append(daemon.ask())
    finally:
        over.set()
        asking.join()
