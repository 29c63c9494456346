"""What the watch tells the resident: where something is to be done, and how far that can be trusted.

Roots are told by their number in the order in which they were given, directories by their path relative to
the root, "" for the root itself.

A hint says where to look, not what is there: the file may be gone, moved or open again by the time it
is heard. What is not told is told to be missing: between `Degraded` and the next `Watching` of a root
anything may have happened in it, and before the first `Watching` too. A pass over everything that begins
after `Watching` finds it all.
"""

from dataclasses import dataclass
from typing import Literal

Place = tuple[str, str]
"""A directory and the name of a file in it."""

Doubt = Literal["overflow", "limit", "died", "unsupported"]
"""Why events may be missing: words of the event `watch_degraded`."""


@dataclass(frozen=True, slots=True)
class Files:
    """Files that were closed after writing, moved in, linked or created."""

    root: int
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Subtree:
    """Anything at and below a directory may be new: it appeared, or so much happened that it was not kept."""

    root: int
    directory: str


@dataclass(frozen=True, slots=True)
class Closed:
    """Awaited files that somebody has closed."""

    root: int
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Degraded:
    """From now on, or since a moment ago, not everything is seen."""

    root: int
    reason: Doubt
    unwatched: int
    """Directories known to be unwatched; 0 where that is not the point, or nobody counted."""


@dataclass(frozen=True, slots=True)
class Watching:
    """The root is watched completely, for the first time or again."""

    root: int
    directories: int
    """How many are watched, the root among them."""


@dataclass(frozen=True, slots=True)
class RootGone:
    """The root was removed, renamed or unmounted; nothing more is told of it."""

    root: int


Noticed = Files | Subtree | Closed | Degraded | Watching | RootGone
