"""Speed: every peer encrypts the same tree and gets it back, round by round.

The rounds are interleaved (all peers once, then all peers again), so that whatever else slows the machine
down for a while does not hit one peer alone; each round starts with another peer. Trees are made before and
compared and removed after the time is taken, and the device is idle when it starts.
"""

import contextlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bench import machine, tree
from bench.command import CommandError, timed
from bench.distribution import median
from bench.peers.peer import Peer, Trial
from bench.progress import say
from bench.result import Speed, Timing
from bench.subject import Key, Subject
from bench.table import ratio, render, seconds
from bench.volume import Volume
from bench.workload import Workload

YARDSTICK = "cp"
"""The peer that the others' ratios refer to."""


def measure(
    volume: Volume, subject: Subject, workload: Workload, *, peers: Sequence[type[Peer]], rounds: int
) -> Speed:
    """Let each of `peers` convert `workload` `rounds` times.

    Raises:
        CommandError: a peer failed, or what it gave back differs from the source.
    """
    absent = {peer.name: reason for peer in peers if (reason := peer.missing(volume, subject))}
    present = [peer for peer in peers if peer.name not in absent]
    say(f"{workload.letter}: {workload.title}", *(f"  without {name}: {why}" for name, why in absent.items()))
    source = volume.root / f"source-{workload.letter}"
    workload.make(source)
    tree.touch_memory(3 * sum(workload.sizes()))
    times: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for number in range(rounds):
        shift = number % max(1, len(present))
        for peer in present[shift:] + present[:shift]:
            pair = _trial(volume, subject, peer, source)
            times[peer.name].append(pair)
            say(f"  round {number + 1}: {peer.name:15}{pair[0]:8.2f} s{pair[1]:8.2f} s back")
    tree.remove(source)
    return Speed(
        machine=machine.describe(volume),
        workload=workload.title,
        files=workload.count,
        bytes=sum(workload.sizes()),
        timings=tuple(_timing(peer, times[peer.name]) for peer in present),
        absent=absent,
    )


def table(speed: Speed) -> str:
    """Median seconds of each peer, and as multiples of cp and sync."""
    yardstick = next((timing for timing in speed.timings if timing.peer == YARDSTICK), None)
    rows = []
    for timing in speed.timings:
        row = [timing.peer]
        for direction in ("encrypt", "decrypt"):
            middle = median(getattr(timing, direction))
            base = median(getattr(yardstick, direction)) if yardstick else None
            row += [seconds(middle), ratio(middle / base if base else None)]
        rows.append(row)
    return render(["peer", "encrypt, s", "to cp", "unencrypt, s", "to cp"], rows)


def _trial(volume: Volume, subject: Subject, kind: type[Peer], source: Path) -> tuple[float, float]:
    """Seconds for encrypting and for getting the plain tree back."""
    space = volume.root / "trial"
    with contextlib.ExitStack() as stack:
        stack.callback(volume.settle)
        stack.callback(tree.remove, space)
        stack.callback(tree.remove, volume.root / "state")
        space.mkdir()
        peer = kind(Trial(volume, source, space, Key.make(space), subject))
        stack.callback(peer.close)
        peer.prepare()
        tree.warm(source)
        volume.settle()
        encrypt = timed(peer.encrypt)
        volume.settle()
        peer.turn()
        decrypt = timed(peer.decrypt)
        if difference := tree.difference(source, peer.plain):
            raise CommandError(f"{peer.name} did not give back what it got: {difference}")
    return encrypt, decrypt


def _timing(peer: type[Peer], pairs: Sequence[tuple[float, float]]) -> Timing:
    encrypt, decrypt = zip(*pairs, strict=True)
    return Timing(peer=peer.name, how=peer.how, encrypt=encrypt, decrypt=decrypt)
