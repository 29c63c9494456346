"""What the pass and its converter processes say to each other, each message pickled over one pipe."""

from collections.abc import Iterator
from dataclasses import dataclass

from cscd.files.outcome import Reason, Result
from cscd.worker.passes.scan import Listing


@dataclass(frozen=True, slots=True)
class ScanDirectories:
    """List directories, each from its beginning."""

    directories: tuple[tuple[str, bytes], ...]
    """Paths relative to the root of the tree, "" for the root, and what the index knows about each."""


@dataclass(frozen=True, slots=True)
class ContinueScan:
    """List the next slice of a directory that the same process has begun to list."""

    path: str


@dataclass(frozen=True, slots=True)
class ConvertItems:
    """Bring items into the asked state."""

    groups: tuple[tuple[str, tuple[str, ...]], ...]
    """Directories, relative to the root, each with the names of items in it."""
    looking: bool = False
    """Only look and say what would be done."""
    durable: bool = False
    """Answer only when the exchanges have reached the medium, too; else that is for the pass to see to."""

    def places(self) -> Iterator[tuple[str, str]]:
        """Yield the directory and name of each, in the order of the answer's results."""
        return ((path, name) for path, names in self.groups for name in names)


Task = ScanDirectories | ContinueScan | ConvertItems


@dataclass(frozen=True, slots=True)
class NotListed:
    """Why a directory could not be listed."""

    reason: Reason | None
    """None if it is gone."""
    errno: int


@dataclass(frozen=True, slots=True)
class Scanned:
    """The answer to ScanDirectories and ContinueScan: a slice of each directory asked for, in order."""

    listings: tuple[Listing | NotListed, ...]


@dataclass(frozen=True, slots=True)
class Converted:
    """The answer to ConvertItems: results in the order of the groups and names asked for.

    None stands for an item not dealt with, because the pass was cancelled.
    """

    results: tuple[Result | None, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes of content read since the last such message. Comes at any time, and answers nothing."""

    read: int


Answer = Scanned | Converted
