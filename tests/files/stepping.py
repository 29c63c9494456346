"""One item taken through the protocol step by step, so that a test can act between two steps."""

import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cscd.files import kernel
from cscd.files.convert import Item
from cscd.files.goal import Goal
from cscd.files.lease import LeaseWatch
from cscd.files.outcome import Gone, LeftAlone, Reason
from cscd.files.rewrite import Rewriter
from cscd.files.temporary import PREFIX

STEPS: Final = ("begin", "copy", "commit", "settle", "retire")


class Stepper:
    """An item on its way. A step that gives up ends the way, and its reason is kept."""

    def __init__(self, path: Path, goal: Goal) -> None:
        """Take an item and a goal that the item is not in yet."""
        self._path = path
        self._goal = goal
        self._next = 0
        self._watch = LeaseWatch()
        self.reason: Reason | None = None
        """Why the item was left alone, if it was."""
        self.gone = False

    def __enter__(self) -> Self:
        self._watch.__enter__()
        self._directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        self._item = Item(self._directory, self._path.name, self._watch)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._item.close()
        os.close(self._directory)
        self._watch.__exit__(kind, error, trace)

    @property
    def ended(self) -> bool:
        """Whether it was given up."""
        return self.gone or self.reason is not None

    @property
    def old_version(self) -> Path:
        """Where the version that was there when we came is now: its own name, or the second one."""
        seconds = [path for path in self._path.parent.iterdir() if path.name.startswith(PREFIX)]
        return seconds[0] if seconds else self._path

    def until(self, last: str) -> Self:
        """Go on up to and including a step of `STEPS`, or until it is given up."""
        while not self.ended and self._next <= STEPS.index(last):
            name = STEPS[self._next]
            self._next += 1
            try:
                self._step(name)
            except LeftAlone as left:
                self.reason = left.reason
            except Gone:
                self.gone = True
        if self.ended:
            self._item.close()
        return self

    def rest(self) -> Reason | None:
        """Go to the end, and return why the item was left alone, None if it was not."""
        return self.until(STEPS[-1]).reason

    def _step(self, name: str) -> None:
        if name == "begin":
            make = self._item.begin(self._goal, os.fstat(self._directory).st_dev)
            assert make, "the item is in the asked state already"
            self._make = make
        elif name == "copy":
            self._item.copy(self._make, Rewriter(1), check=lambda: None, count=lambda _read: None)
            kernel.sync_filesystem(self._item.new)
        else:
            getattr(self._item, name)()
