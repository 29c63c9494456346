"""What the applications of these tests have in common: a real program that cooperates with the cache.

Until there is a plaintext view, a program that meets an encrypted item has to leave it and come back. It
opens the item and looks at the first bytes *through the descriptor that it goes on to use*. While it has
that descriptor nothing may be converted under it; whatever reaches another version than the one under the
item's name is exactly the write that a careless protocol loses.
"""

import os
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

from cscd.age import looks_like_age
from tests.races.content import LOOK

ITEMS: Final = 24
"""Items in the directory of one kind."""

_LONGEST_PAUSE: Final = 0.004
"""Seconds between two bursts: without it items would hardly be closed for as long as converting takes."""

Known = dict[str, Any]
"""What an application knows of each of its items, by name; JSON."""


class Application(ABC):
    """One process that works on the items of one directory, and knows what must be in them."""

    kind: ClassVar[str]
    """The name of the directory, unless it works on another kind's items."""
    items: ClassVar[int] = ITEMS

    def __init__(self, directory: Path, number: int, rng: random.Random) -> None:
        """Work in a directory as the application of that number there."""
        self.directory = directory
        self.number = number
        self.rng = rng
        self.known: Known = {}
        self.acknowledged = 0
        self.refused = 0
        """How often an item was found encrypted."""
        self.failures: list[str] = []

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of the items."""
        return [f"item-{number:02d}" for number in range(cls.items)]

    @classmethod
    @abstractmethod
    def prepare(cls, directory: Path, rng: random.Random) -> None:
        """Make the items before anything else runs."""

    @abstractmethod
    def work(self, name: str) -> bool:
        """Do one thing to an item; False if it was encrypted, so that nothing could be done."""

    @classmethod
    @abstractmethod
    def check(cls, directory: Path, known: list[Known]) -> Iterator[str]:
        """Yield in words what is missing or doubled at the end; one entry of `known` for each process."""

    def run(self, count: int, deadline: float, hot: int = ITEMS) -> None:
        """Work until `count` things have been done or `deadline`, monotonic, has passed.

        In bursts on one item with a pause between, as programs do; the pause orders nothing. With fewer
        than all items `hot`, only on those, and without a pause.
        """
        names = self.names()[:hot]
        longest_pause = _LONGEST_PAUSE if hot == ITEMS else 0
        while self.acknowledged < count and not self.failures and time.monotonic() < deadline:
            time.sleep(self.rng.uniform(0, longest_pause))
            name = self.rng.choice(names)
            for _ in range(self.rng.randrange(1, 12)):
                if not self.work(name):
                    self.refused += 1
                    break
                self.acknowledged += 1

    def finish(self) -> None:  # noqa: B027 - most applications have nothing to do here
        """Leave the items as the last pass can convert them."""

    def fail(self, name: str, what: str) -> None:
        """Note something that must never be seen."""
        self.failures.append(f"{self.directory.name}/{name}, application {self.number}: {what}")

    def open_plain(self, name: str, flags: int) -> int | None:
        """Open an item without looking, then look; None, and closed again, if it is encrypted."""
        fd = os.open(self.directory / name, flags | os.O_CLOEXEC)
        if flags & os.O_ACCMODE == os.O_WRONLY:
            look = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
            encrypted = looks_like_age(os.pread(look, LOOK, 0))
            os.close(look)
        else:
            encrypted = looks_like_age(os.pread(fd, LOOK, 0))
        if not encrypted:
            return fd
        os.close(fd)
        return None


def last_known(known: Iterable[Known], name: str) -> Any:  # noqa: ANN401 - whatever the kind keeps
    """Return what the only process that works on an item knows of it."""
    return next(entry[name] for entry in known if name in entry)
