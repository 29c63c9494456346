"""Memory of a pass: all processes of it together, sampled while it runs."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import command, machine, process, tree, walk
from bench.command import CommandError
from bench.progress import say
from bench.result import Footprint, Memory
from bench.subject import Key, State, Subject
from bench.table import render
from bench.volume import GIB, MIB, Volume

INTERVAL = 0.02
"""Seconds between two samples."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and with what to run the passes."""

    volume: Volume
    subject: Subject
    key: Key

    def walked(self, items: int) -> list[Footprint]:
        """A tree that is right already: the pass that makes the index, and the one that uses it."""
        root = self._tree(lambda root: walk.make(root, items))
        first = self._pass(f"{items:,} items, right, no index yet", "unencrypted", root)
        return [first, self._pass(f"{items:,} items, right, by the index", "unencrypted", root)]

    def converted(self, items: int) -> list[Footprint]:
        """A tree of small items that all have to be converted, and back."""
        root = self._tree(lambda root: walk.make(root, items))
        there = self._pass(f"{items:,} items encrypted", "encrypted", root)
        return [there, self._pass(f"{items:,} items unencrypted", "unencrypted", root)]

    def sparse(self, size: int) -> list[Footprint]:
        """One file of `size` bytes with content only at its end."""
        root = self._tree(lambda root: _sparse_file(root, size))
        there = self._pass(f"one file of {size / GIB:.4g} GiB encrypted", "encrypted", root)
        return [there, self._pass(f"one file of {size / GIB:.4g} GiB unencrypted", "unencrypted", root)]

    def _tree(self, make: Callable[[Path], None]) -> Path:
        """A new tree, in place of the one before."""
        root = self.volume.root / "weighed"
        tree.remove(root)
        make(root)
        self.volume.settle()
        return root

    def _pass(self, case: str, to: State, root: Path) -> Footprint:
        say(f"memory: {case}")
        argv = self.subject.recheck(to, root, self.key)
        start = time.perf_counter()
        pss = peak = 0
        with command.started(argv, env=self.subject.environment(self.volume), quiet=True) as running:
            while running.poll() is None:
                sample = process.memory(process.family(running.pid))
                pss, peak = max(pss, sample.pss), max(peak, sample.peak)
                time.sleep(INTERVAL)
        if running.returncode != 0:
            raise CommandError(f"{case}: cscd recheck ended with {running.returncode}")
        seconds = time.perf_counter() - start
        return Footprint(case=case, pss_mib=pss / MIB, peak_mib=peak / MIB, seconds=seconds)


def measure(volume: Volume, subject: Subject, *, items: int, converted: int, size: int) -> Memory:
    """Weigh passes over `items` right ones, `converted` wrong ones, and one file of `size` bytes."""
    bench = Bench(volume, subject, Key.make(volume.root))
    footprints = bench.sparse(size) + bench.converted(converted) + bench.walked(items)
    return Memory(machine=machine.describe(volume), footprints=tuple(footprints))


def table(memory: Memory) -> str:
    """Each pass with its memory and time."""
    rows: Sequence[Sequence[str]] = [
        [each.case, f"{each.pss_mib:.1f}", f"{each.peak_mib:.1f}", f"{each.seconds:.1f}"]
        for each in memory.footprints
    ]
    return render(["pass", "PSS, MiB", "peak RSS, MiB", "s"], rows)


def _sparse_file(root: Path, size: int) -> None:
    root.mkdir()
    with open(root / "sparse.bin", "wb") as file:
        file.seek(size - 1)
        file.write(b"x")
    os.chmod(root / "sparse.bin", 0o600)
