"""From a logon until a user's files are known to be right: all of them plain before, or all encrypted."""

from bench.progress import say
from bench.result import Elapsed
from bench.service.ground import Ground
from bench.service.running import running
from bench.volume import Volume


def measure(volume: Volume, *, files: int, rounds: int) -> list[Elapsed]:
    """One user with `files` files: the first logon, and another one when the service has started anew."""
    say(f"service: a logon with {files} files")
    found = []
    for _ in range(rounds):
        ground = Ground.make(volume, "first")
        ground.settle_in([0], files)
        volume.settle()
        for case in ("plain", "right, by the index"):
            with running(ground) as daemon:
                (seconds,) = daemon.compliant(daemon.log_on([0])).values()
            found.append(Elapsed(case=case, seconds=seconds))
    return found
