"""A recovery drill: whether a key opens a random sample of the items below some directories.

Opening an item here means what restoring it would begin and end with: the file key is unwrapped, the header's
MAC verified, the last chunk opened as the last, and the first. Nothing is written. The directories may be any
user's, whatever they have put there: see `cscd.files.walk` and `cscd.files.restore`.
"""

import os
import random
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cscd.age import AgeReader, Identity
from cscd.errors import AgeError, NoMatchError
from cscd.files.content import LOOK
from cscd.files.outcome import LeftAlone, Outcome, Reason, Result
from cscd.files.restore import left_alone, look, open_original
from cscd.files.temporary import is_second
from cscd.files.tree import Tree
from cscd.files.walk import Slice, walk
from cscd.worker.passes.recheck import Watcher
from cscd.worker.passes.tally import Tally, join

_SPARE = 4
"""Files that are drawn for each item of the sample: some turn out not to be encrypted."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where items are drawn from."""

    tree: Tree
    only: str = ""
    """One file of the tree; "" for all of them."""


@dataclass(slots=True)
class _Draw:
    """The files drawn from one place: each of those it has with the same chance (Algorithm R)."""

    place: Place
    most: int
    files: list[tuple[str, str]] = field(default_factory=list)
    """Directory and name."""
    met: int = 0

    def meet(self, directory: str, name: str, chance: random.Random) -> None:
        """Keep a file, perhaps, in the place of another one."""
        self.met += 1
        if len(self.files) < self.most:
            self.files.append((directory, name))
        elif (at := chance.randrange(self.met)) < self.most:
            self.files[at] = directory, name


class Drill:
    """One drill."""

    def __init__(
        self, places: Sequence[Place], identities: Sequence[Identity], sample: int, watcher: Watcher
    ) -> None:
        """Prepare to try at most `sample` items; nothing happens before `run`."""
        self._identities = identities
        self._sample = sample
        self._watcher = watcher
        self._chance = random.SystemRandom()
        most = max(sample, _SPARE * sample // max(1, len(places)))
        self._draws = [_Draw(place, most) for place in places]
        self.tally = Tally()
        """`right` are the items that the key opens, `left` those that it does not, by their whole path."""
        self.first = ""
        """The first that it does not open."""
        self.first_reason: Reason | None = None
        self.stopped = False
        """Whether a stop was asked for."""

    @property
    def files(self) -> int:
        """How many files there are to draw from."""
        return sum(draw.met for draw in self._draws)

    @property
    def items(self) -> int:
        """How many items were tried."""
        return self.tally.finished

    @property
    def failed(self) -> int:
        """How many of them the key does not open."""
        return self.tally.finished - self.tally.right

    def stop(self) -> None:
        """Stop soon. May be called from a signal handler."""
        self.stopped = True

    def run(self) -> Tally:
        """Draw the sample and try it; returns what came of it."""
        for draw in self._draws:
            self._draw(draw)
        self.tally.walked = not self.stopped
        drawn = sum(len(draw.files) for draw in self._draws)
        self.tally.found = min(self._sample, drawn)
        for draw, directory, name in self._in_turn():
            if self.stopped or self.items == self._sample:
                break
            self._count(draw.place.tree, directory, name)
            self._watcher(self.tally, None)
        self.tally.complete = not self.stopped
        return self.tally

    def _draw(self, draw: _Draw) -> None:
        if draw.place.only:
            draw.meet("", draw.place.only, self._chance)
            return
        for step in walk(draw.place.tree, lambda *_: None):
            if self.stopped:
                return
            if isinstance(step, Slice):
                for name in step.files:
                    draw.meet(step.path, name, self._chance)
                self._watcher(self.tally, None)

    def _in_turn(self) -> Iterator[tuple[_Draw, str, str]]:
        """Yield what was drawn in random order, one place after the other, so that each has its share."""
        for draw in self._draws:
            self._chance.shuffle(draw.files)
        left = list(self._draws)
        while left:
            for draw in left:
                if draw.files:
                    yield draw, *draw.files.pop()
            left = [draw for draw in left if draw.files]

    def _count(self, tree: Tree, directory: str, name: str) -> None:
        """Try an item; what is none, or no more, does not count."""
        try:
            if not self._opens(tree, directory, name):
                return
            self.tally.right += 1
        except LeftAlone as left:
            self._fail(os.path.join(tree.path, join(directory, name)), left)
        except OSError as error:
            if (left_for := left_alone(error)) is None:
                return
            self._fail(os.path.join(tree.path, join(directory, name)), left_for)
        self.tally.finished += 1

    def _opens(self, tree: Tree, directory: str, name: str) -> bool:
        """Open an item; False for what is none. Raises `LeftAlone` and OSError where that fails."""
        above = tree.directory(directory)
        try:
            fd = open_original(above, name)
        finally:
            os.close(above)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or is_second(name, status):
                return False
            if not look(fd, os.pread(fd, LOOK, 0), self._identities):
                return False
            reader = AgeReader(fd, status.st_size, self._identities)
            next(reader.chunks(0, 1), None)
        except NoMatchError:
            raise LeftAlone(Reason.NO_IDENTITY) from None
        except AgeError as error:
            raise LeftAlone(Reason.DAMAGED, detail=str(error)) from None
        finally:
            os.close(fd)
        return True

    def _fail(self, path: str, left: LeftAlone) -> None:
        self.tally.leave(path, Result(Outcome.LEFT, left.reason, left.errno, detail=left.detail))
        if not self.first:
            self.first, self.first_reason = path, left.reason
