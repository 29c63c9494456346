"""A watch under test, in a fork of its own, with its own limits, user and descriptors."""

import select
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import TypeVar

from cscd.files.tree import Tree
from cscd.worker.passes.selection import Selection
from cscd.worker.passes.silence import silence_watchdog
from cscd.worker.watch.lookout import Lookout
from cscd.worker.watch.noticed import Closed, Files, Noticed, Subtree, Watching
from tests.support import forks

Answer = TypeVar("Answer")

PATIENCE = 15.0
"""Seconds to wait for something to be told before the test has failed."""


class Listener:
    """A watch, and all that it has told."""

    def __init__(self, roots: Sequence[Path], selection: Selection) -> None:
        silence_watchdog()
        self.roots = len(roots)
        trees = [Tree.open(str(root)) for root in roots]
        self.lookout = Lookout(trees, selection)
        for tree in trees:
            tree.close()
        self.told: list[Noticed] = []

    def turn(self, patience: float) -> None:
        """Do what the resident's loop does once: wait, at most so many seconds, and give it a turn."""
        poll = select.poll()
        if self.lookout.fileno() >= 0:
            poll.register(self.lookout, select.POLLIN)
        wait = min(patience, max(0.0, self.lookout.due - time.monotonic()))
        if poll.poll(wait * 1000):
            self.lookout.heard()
        if self.lookout.due <= time.monotonic():
            self.told += self.lookout.turn(time.monotonic())

    def until(
        self, enough: Callable[[list[Noticed]], object], *, patience: float = PATIENCE
    ) -> list[Noticed]:
        """Listen until what was told since the last call is enough, and return that.

        Raises TimeoutError after so many seconds.
        """
        end = time.monotonic() + patience
        since = len(self.told)
        while not enough(self.told[since:]):
            left = end - time.monotonic()
            if left <= 0:
                message = f"waited in vain; this was told: {self.told[since:]}"
                raise TimeoutError(message)
            self.turn(left)
        return self.told[since:]

    def until_idle(self) -> None:
        """Listen until nothing is due any more; only an event gives it something to do then."""
        end = time.monotonic() + PATIENCE
        while self.lookout.due < inf:
            if time.monotonic() > end:
                raise TimeoutError("it never rests")
            self.turn(PATIENCE)

    def until_watching(self) -> list[Noticed]:
        """Listen until every root is watched."""
        roots = set(range(self.roots))
        return self.until(lambda told: roots <= {each.root for each in told if isinstance(each, Watching)})

    def until_mentioned(self, *paths: str) -> list[Noticed]:
        """Listen until each path of the first root has been told, by name or within a directory."""
        return self.until(lambda told: all(mentioned(told, path) for path in paths))

    def hints_until(self, marker: Path) -> list[Noticed]:
        """Make a file and return what was told before it, so that nothing told is nothing to tell."""
        marker.write_bytes(b"marker")
        told = self.until_mentioned(marker.name)
        return [
            Files(each.root, places) if isinstance(each, Files) else each
            for each in told
            if (places := tuple(p for p in getattr(each, "places", ()) if p[1] != marker.name))
            or not isinstance(each, Files)
        ]


def mentioned(told: Sequence[Noticed], path: str, root: int = 0) -> bool:
    """Whether a path is told of, by name or within a directory that is."""
    directory, _, name = path.rpartition("/")
    for each in told:
        if each.root != root:
            continue
        if isinstance(each, Files) and (directory, name) in each.places:
            return True
        if isinstance(each, Subtree) and (not each.directory or f"{path}/".startswith(f"{each.directory}/")):
            return True
    return False


def closed(told: Sequence[Noticed]) -> set[tuple[str, str]]:
    """Return all awaited files of which it is told that they were closed."""
    return {place for each in told if isinstance(each, Closed) for place in each.places}


@contextmanager
def listening(*roots: Path, selection: Selection | None = None) -> Iterator[Listener]:
    """Watch roots and wait until all are watched."""
    listener = Listener(roots, selection or Selection())
    try:
        listener.until_watching()
        yield listener
    finally:
        listener.lookout.close()


def listen(*roots: Path, do: Callable[[Listener], Answer], selection: Selection | None = None) -> Answer:
    """In a fork, watch roots and do something; returns its answer."""

    def run() -> Answer:
        with listening(*roots, selection=selection) as listener:
            return do(listener)

    return forks.call(run, first=lambda: None)
