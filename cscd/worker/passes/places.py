"""Places in a tree: single items, and whole subtrees, to be looked at instead of everything."""

from dataclasses import dataclass
from typing import Final, Protocol

#: Directory relative to the root of the tree ("" for the root itself), and name in it.
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Places:
    """What is to be looked at; all paths relative to the root of one tree."""

    items: tuple[Place, ...] = ()
    subtrees: tuple[str, ...] = ()
    """Directories, each with all that is below it; "" stands for the whole tree."""

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.items or self.subtrees)

    @property
    def whole(self) -> bool:
        """Whether the whole tree is to be looked at."""
        return "" in self.subtrees


WHOLE: Final = Places(subtrees=("",))


class Inbox(Protocol):
    """Where hints come from while a pass is at work."""

    def fileno(self) -> int:
        """Return a descriptor that can be read when there is something to take."""

    def take(self) -> Places:
        """Return what has come, without waiting; nothing of it is forgotten from then on."""
