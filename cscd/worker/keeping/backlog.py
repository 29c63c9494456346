"""What is known to be looked at in one root and has not been handed to a pass yet.

Bounded: beyond so many items their directories are noted instead, and beyond so many of those the whole root.
A pass over a directory opens only what it does not know to be right.
"""

from typing import Final, Self

from cscd.worker.passes.places import WHOLE, Place, Places

#: Items and directories noted one by one.
MOST_ITEMS: Final = 10_000
MOST_SUBTREES: Final = 200


class Backlog:
    """Items and directories of one root."""

    def __init__(self) -> None:
        self._items: dict[Place, None] = {}
        self._subtrees: dict[str, None] = {}
        self._whole = False

    @classmethod
    def of(cls, places: Places) -> Self:
        """Begin with these."""
        backlog = cls()
        backlog.add(places)
        return backlog

    def __len__(self) -> int:
        """How many entries there are; the whole root is one."""
        return 1 if self._whole else len(self._items) + len(self._subtrees)

    def add(self, places: Places) -> None:
        """Note more."""
        if self._whole:
            return
        if places.whole:
            self._collapse()
            return
        self._subtrees.update(dict.fromkeys(places.subtrees))
        self._items.update(dict.fromkeys(places.items))
        if len(self._items) > MOST_ITEMS:
            self._subtrees.update(dict.fromkeys(path for path, _ in self._items))
            self._items.clear()
        if len(self._subtrees) > MOST_SUBTREES or "" in self._subtrees:
            self._collapse()

    def _collapse(self) -> None:
        self._items.clear()
        self._subtrees.clear()
        self._whole = True

    def take(self) -> Places:
        """Return all there is, and forget it."""
        places = WHOLE if self._whole else Places(tuple(self._items), tuple(self._subtrees))
        self.clear()
        return places

    def take_some(self, characters: int) -> Places:
        """Return as many entries, one at least, as have so many characters in their paths; forget those."""
        if self._whole:
            return self.take()
        items: list[Place] = []
        while self._items and characters > 0:
            path, name = next(iter(self._items))
            del self._items[path, name]
            items.append((path, name))
            characters -= len(path) + len(name) + 1
        subtrees: list[str] = []
        while self._subtrees and characters > 0:
            path = next(iter(self._subtrees))
            del self._subtrees[path]
            subtrees.append(path)
            characters -= len(path) + 1
        return Places(tuple(items), tuple(subtrees))

    def clear(self) -> None:
        """Forget all of it."""
        self._items.clear()
        self._subtrees.clear()
        self._whole = False
