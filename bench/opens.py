"""The wait of an application that opens an item while cscd converts it.

This process is the application: it looks up which items are being converted (a lease is listed for them in
/proc/locks), and opens one for reading. Whether the open really met a conversion is not guessed: the first
attempt is made with O_NONBLOCK, which open(2) answers with EWOULDBLOCK if somebody holds a lease, having
told the holder; the second attempt then waits as any application's would. The wait is the time from before
the first attempt until the second returns. Opens that met no conversion are counted apart.

An item of 1 GiB is opened at moments spread over its whole conversion, and often enough while cscd waits for
the disk (a thread of it is inside fsync or the like), which is when answering is hardest.
"""

import contextlib
import gc
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen, TimeoutExpired

from bench import command, lease, machine, process, tree
from bench.command import CommandError
from bench.distribution import percentile
from bench.progress import say
from bench.result import Opens, Waits
from bench.subject import Key, State, Subject
from bench.table import render
from bench.volume import Volume
from bench.workload import WORKLOADS, Workload

BASELINE, MISSED = "no conversion", "missed the conversion"
UNDER_WAY, SYNCING, ANY = "under way", "waiting for disk", "any conversion"
FIRST_MOMENT, LAST_MOMENT = 1e-4, 2.0
"""Seconds after the start of a conversion between which one large item is opened."""
PAUSE = 0.005
"""Longest pause in seconds between two opens in a batch of small items."""
IDLE = 3.0
"""Seconds without any lease after which a pass is started anew."""
LIMIT = 1200.0
"""Seconds after which a scene ends with the samples it has."""
STOP_LIMIT = 30.0
"""Seconds that a pass gets to stop when asked to."""
FAMILY_AGE = 0.2
"""Seconds after which we look again which processes belong to the pass."""


@dataclass(slots=True)
class Scene:
    """One tree, converted back and forth while its items are opened."""

    volume: Volume
    subject: Subject
    key: Key
    workload: Workload
    wanted: int
    """Opens that have to meet a conversion."""
    syncing: int
    """How many of them have to meet one that waits for the disk; only asked of a single large item."""
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    waits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Milliseconds by situation."""

    @property
    def root(self) -> Path:
        """Where the tree is."""
        return self.volume.root / f"opened-{self.workload.letter}"

    def play(self) -> None:
        """Make the tree, and open until there are enough samples or the time is up."""
        say(f"opens: {self.workload.title}")
        self.workload.make(self.root)
        self.volume.settle()
        self._baseline()
        deadline = time.monotonic() + LIMIT * max(0.1, min(1.0, self.wanted / 1000))
        to: State = "encrypted"
        told = 0
        while not self._enough() and time.monotonic() < deadline:
            argv = self.subject.recheck(to, self.root, self.key)
            with command.started(argv, env=self.subject.environment(self.volume), quiet=True) as running:
                leases = self._open_while(running, deadline)
                if running.poll() and not leases:
                    raise CommandError(f"cscd recheck ended with {running.returncode} and converted nothing")
                running.terminate()
                with contextlib.suppress(TimeoutExpired):
                    running.wait(STOP_LIMIT)
            to = "unencrypted" if to == "encrypted" else "encrypted"
            if self._met() >= told + self.wanted // 10:
                told = self._met()
                say(f"  {told} of {self.wanted} opens met a conversion")
        tree.remove(self.root)

    def _met(self) -> int:
        return sum(len(waits) for name, waits in self.waits.items() if name not in {BASELINE, MISSED})

    def _enough(self) -> bool:
        return self._met() >= self.wanted and len(self.waits[SYNCING]) >= self._syncing_wanted()

    def _syncing_wanted(self) -> int:
        return self.syncing if self.workload.count == 1 else 0

    def _baseline(self) -> None:
        paths = list(tree.files(self.root))
        for _ in range(max(1000, self.wanted)):
            path = self.dice.choice(paths)
            self.waits[BASELINE].append(_opened(path)[0])

    def _open_while(self, running: Popen[bytes], deadline: float) -> int:
        """Open items under conversion until the pass ends, or there is nothing more to learn from it.

        Returns how often an item was seen under conversion.
        """
        paths = {path.stat().st_ino: path for path in tree.files(self.root)}
        device = self.root.stat().st_dev
        seen = 0
        seen_at = asked_at = time.monotonic()
        family = [running.pid]
        while running.poll() is None and not self._enough() and time.monotonic() < deadline:
            if time.monotonic() - asked_at > FAMILY_AGE:
                family, asked_at = process.family(running.pid), time.monotonic()
            # The batch of leases of small items is short-lived: nothing may come between this and the open.
            syncing = process.waits_for_disk(family)
            candidates = sorted(lease.leased(device) & paths.keys())
            if candidates:
                seen, seen_at = seen + 1, time.monotonic()
                if self.workload.count == 1:
                    syncing = self._choose_moment(family)
                self._meet(paths[self.dice.choice(candidates)], syncing=syncing)
            elif time.monotonic() - seen_at > IDLE:
                break
            time.sleep(self.dice.uniform(0, PAUSE))
        return seen

    def _meet(self, path: Path, *, syncing: bool) -> None:
        """Open one item that is under conversion, and file the wait under its situation."""
        wait, met = _opened(path)
        name = MISSED if not met else SYNCING if syncing else UNDER_WAY
        self.waits[name].append(wait)

    def _choose_moment(self, family: list[int]) -> bool:
        """Let the conversion get on for a while; True if it now waits for the disk.

        Moments are distributed evenly on a logarithmic scale: the whole conversion is covered, and a thousand
        samples need not take a thousand conversions. Every second time we wait for it to wait for the disk,
        until there are enough samples of that.
        """
        if len(self.waits[SYNCING]) < self.syncing and self.dice.random() < 0.5:
            return _until(lambda: process.waits_for_disk(family), 2 * LAST_MOMENT)
        ratio = LAST_MOMENT / FIRST_MOMENT
        time.sleep(FIRST_MOMENT * ratio ** self.dice.random())
        return process.waits_for_disk(family)


def measure(volume: Volume, subject: Subject, *, samples: int, scale: float, letters: Sequence[str]) -> Opens:
    """Play one scene per workload letter.

    Args:
        volume: where to work.
        subject: the program under test.
        samples: opens per scene that have to meet a conversion; a tenth of that while it waits for the disk.
        scale: of the workloads.
        letters: of the workloads.
    """
    key = Key.make(volume.root)
    waits: list[Waits] = []
    for letter in letters:
        scene = Scene(volume, subject, key, WORKLOADS[letter].scaled(scale), samples, samples // 10)
        gc.collect()
        gc.disable()  # a collection in this process is no wait of an application's
        try:
            scene.play()
        finally:
            gc.enable()
        order = (BASELINE, MISSED, UNDER_WAY, SYNCING)
        waits += [_summary(f"{letter}: {name}", scene.waits[name]) for name in order if scene.waits[name]]
        met = [wait for name in order[2:] for wait in scene.waits[name]]
        waits += [_summary(f"{letter}: {ANY}", met)] if met else []
    return Opens(machine=machine.describe(volume), waits=tuple(waits))


def table(opens: Opens) -> str:
    """Percentiles of each situation."""
    rows = [
        [
            waits.situation,
            str(waits.opens),
            *(f"{value:.3f}" for value in (waits.p50, waits.p99, waits.longest)),
        ]
        for waits in opens.waits
    ]
    return render(["situation", "opens", "p50, ms", "p99, ms", "longest, ms"], rows)


def _summary(situation: str, waits: Sequence[float]) -> Waits:
    return Waits(
        situation=situation,
        opens=len(waits),
        p50=percentile(waits, 50),
        p99=percentile(waits, 99),
        longest=max(waits),
    )


def _opened(path: Path) -> tuple[float, bool]:
    """Milliseconds that opening `path` for reading took, and whether it met a conversion."""
    met = False
    start = time.perf_counter_ns()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except BlockingIOError:
        met = True
        descriptor = os.open(path, os.O_RDONLY)
    end = time.perf_counter_ns()
    os.close(descriptor)
    return (end - start) / 1e6, met


def _until(condition: Callable[[], bool], limit: float) -> bool:
    """Wait until `condition` holds; False if it did not within `limit` seconds."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.001)
    return False
