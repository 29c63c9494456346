"""A program that opens items all the time and checks that each is whole, in whichever version it is.

An encrypted item must decrypt to its end and hold a whole version. So must a plain one, unless its kind is
written to in place, where a reader may always come in the middle of a write. What is only ever appended to
must never be shorter than it was.
"""

import os
import random
from collections import Counter
from pathlib import Path
from typing import Final

from cscd.errors import AgeError
from tests.races.content import SLOT, number_of, plain, slot_number

_AT_ONCE: Final = ("save", "rename")
"""Kinds whose items are only ever replaced as a whole."""
_IN_PLACE: Final = ("rewrite", "truncate")
"""Kinds that are emptied without a look, so that an encrypted version may be cut under a reader."""


class Reader:
    """Reads the items of all kinds, and remembers what it saw of each."""

    def __init__(self, tree: Path, rng: random.Random) -> None:
        self._paths = [
            path
            for path in sorted(tree.glob("*/item-??"))
            if path.parent.name not in ("database", "recreate")
        ]
        self._rng = rng
        self._longest: Counter[Path] = Counter()
        self.seen: Counter[str] = Counter()
        self.failures: list[str] = []

    def read(self) -> None:
        """Read some item."""
        path = self._rng.choice(self._paths)
        kind = path.parent.name
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return  # renamed just now
        try:
            before = os.fstat(fd)
            try:
                content, encrypted = plain(fd)
            except AgeError as error:
                if kind in _IN_PLACE and _changed(before, os.fstat(fd)):
                    return
                self.failures.append(f"{kind}/{path.name}: {error}")
                return
        finally:
            os.close(fd)
        self.seen["encrypted" if encrypted else "plain"] += 1
        if not self._whole(path, content, encrypted=encrypted):
            torn = f"torn, {'encrypted' if encrypted else 'plain'}: {len(content)} bytes"
            self.failures.append(f"{kind}/{path.name}: {torn}: {content[:64]!r}")

    def _whole(self, path: Path, content: bytes, *, encrypted: bool) -> bool:
        kind = path.parent.name
        if kind in _AT_ONCE or (encrypted and kind == "rewrite"):
            return number_of(content) is not None
        if kind in ("patch", "map") and encrypted:
            records = content.rstrip(b"\0")
            whole = (slot_number(records[at : at + SLOT]) is not None for at in range(0, len(records), SLOT))
            return all(whole)
        if kind in ("append", "mode"):
            shorter = len(content) < self._longest[path]
            self._longest[path] = max(self._longest[path], len(content))
            return not shorter and (content.endswith(b"\n") or not encrypted)
        return True


def _changed(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether a file was written to; the kernel sets the time of a truncation a little before the size."""
    return (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size)
