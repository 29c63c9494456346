"""What a pass has done so far, counted: the one source of the progress bar, the summary and the JSON."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from cscd.files.outcome import Lasting, Outcome, Reason, Result

#: Items named for each reason; all are counted.
FIRST: Final = 10
#: Keys whose items are counted apart: whoever can write a file can put any key id into its marker.
MOST_KEYS: Final = 64


@dataclass(frozen=True, slots=True)
class Left:
    """One item that was left alone."""

    path: str
    """Relative to the root of the tree."""
    result: Result


@dataclass(slots=True)
class Tally:
    """The counts of one pass over one tree."""

    directories: int = 0
    """Listed to their end."""
    converted: int = 0
    converted_bytes: int = 0
    """Of content, as read."""
    rekeyed: int = 0
    """Of the items converted, those that were encrypted before, for other recipients."""
    right: int = 0
    """Items that were in the asked state before."""
    right_bytes: int = 0
    found: int = 0
    """Items found that may have to be converted."""
    found_bytes: int = 0
    finished: int = 0
    """Of the items found, those that have been dealt with."""
    read_bytes: int = 0
    """Of the bytes found, those that have been read or need not be; moves within a large file, too."""
    left: Counter[Reason] = field(default_factory=Counter)
    """Items left alone for good, or until the next pass."""
    first: dict[Reason, list[Left]] = field(default_factory=dict)
    cleaned: int = 0
    """Leftovers of a killed pass that have been dealt with."""
    gone: int = 0
    """Items that were renamed or deleted before we came to them."""
    other_key: int = 0
    """Of the items looked at and right, those encrypted for other recipients than those asked for."""
    keys: Counter[str] = field(default_factory=Counter)
    """Encrypted items by the id of the key that they are encrypted to, as the pass leaves them; those of all
    keys beyond the first MOST_KEYS together under ""."""
    waiting: int = 0
    """Of the items found, those that wait for another try."""
    untouched: int = 0
    """Items found and not dealt with because the pass was stopped."""
    walked: bool = False
    """Whether the whole tree was listed."""
    complete: bool = False
    """Whether the whole tree was listed and no item found was dropped."""

    def add(self, directory: str, name: str, result: Result) -> None:
        """Count the final result of an item."""
        self.count_key(result.key_id)
        if result.converted:
            self.converted += 1
            self.rekeyed += result.outcome is Outcome.REKEYED
            self.converted_bytes += result.size
            return
        self.read_bytes += result.size
        if result.outcome is Outcome.RIGHT:
            self.right += 1
            self.right_bytes += result.size
            self.other_key += result.other_key
        elif result.outcome is Outcome.GONE:
            self.gone += 1
        elif result.outcome is Outcome.CLEANED:
            self.cleaned += 1
        else:
            self.leave(join(directory, name), result)

    def count_key(self, key_id: str, items: int = 1) -> None:
        """Count items that are encrypted to a key; "" for items that are not."""
        if key_id and items:
            known = key_id in self.keys or len(self.keys) < MOST_KEYS
            self.keys[key_id if known else ""] += items

    def leave(self, path: str, result: Result) -> None:
        """Count an item left alone, and keep it by name if it is one of the first of its reason."""
        reason = result.reason or Reason.IO_ERROR
        self.left[reason] += 1
        first = self.first.setdefault(reason, [])
        if len(first) < FIRST:
            first.append(Left(path, result))

    def withdraw(self, path: str, reason: Reason) -> None:
        """Uncount an item that was left alone, because it is looked at once more."""
        self.found -= 1
        self.finished -= 1
        self.left[reason] -= 1
        first = self.first.get(reason, [])
        first[:] = [left for left in first if left.path != path]

    @property
    def partial(self) -> bool:
        """Whether some item is not in the asked state, or is not known to be."""
        return not self.complete or any(
            count and reason.lasting is not Lasting.FINE for reason, count in self.left.items()
        )

    def by_lasting(self, lasting: Lasting) -> Iterator[tuple[Reason, int]]:
        """Yield the reasons of one kind with their counts, the most frequent first."""
        return ((reason, count) for reason, count in self.left.most_common() if reason.lasting is lasting)


def join(directory: str, name: str) -> str:
    """Return the path of an item relative to the root; `directory` is "" for the root itself."""
    return os.path.join(directory, name)
