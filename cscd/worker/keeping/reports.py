"""What a pass process tells the resident that forked it, each message pickled over one pipe.

The other way go `Hint`s, one at a time: the next one only after `Taken`, so that neither side ever waits for
the other's pipe to empty. And, in a pass that asks, one `Reply` to each `Said`; the next one waits for it.
"""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from cscd.files.outcome import Result
from cscd.worker.passes.places import Places
from cscd.worker.passes.tally import Tally

Error = Literal["", "busy", "target", "key", "system", "died"]
"""As in `PassEnded`."""
Answer = Literal["continue", "retry", "abort"]
"""As in `Go`."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The pass turns to a root. Hints for it are welcome from now on."""

    root: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of some items of the root at hand; of those that matter beyond the pass."""

    items: tuple[tuple[str, str, Result], ...]
    """Directory, name and result."""


@dataclass(frozen=True, slots=True)
class Sofar:
    """How far the pass has come in all its roots together."""

    items: int
    found: int
    read_bytes: int
    found_bytes: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The hint has been taken in; it will have been followed when the root is finished."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The pass is through with a root, or could not work on it."""

    root: str
    tally: Tally = field(default_factory=Tally)
    index_lost: str = ""
    """As in `Pass`."""
    error: Error = ""
    errno: int = 0
    detail: str = ""


class Word(NamedTuple):
    """Something to be told of one item: that it begins, or with a reason what came of it."""

    number: int
    """As in `ItemBegins`."""
    path: str
    """Absolute."""
    reason: str | None = None
    """As in `ItemEnds`; None if it begins."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is to be told of items, in this order; in a pass that asks, one word that waits for a `Reply`."""

    words: tuple[Word, ...]


Report = Begun | Heard | Sofar | Taken | Said | Finished


@dataclass(frozen=True, slots=True)
class Hint:
    """Places in a root that want to be looked at; ignored unless the pass is at that root."""

    root: str
    places: Places


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to the last that was said of an item."""

    number: int
    """Of the item."""
    answer: Answer
    """As in `Go`."""
