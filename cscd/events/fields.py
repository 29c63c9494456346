"""The types of an event's fields: each makes any value fit for a log instead of refusing it.

An event tells what happened, often about something hostile or broken. It must not fail for what it tells:
text is escaped, cut and freed of secret keys (`cscd.events.escape`), numbers are brought into their bounds. A
value of the wrong type is a mistake in our code, and an error.
"""

import errno
import math
import os
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict

from cscd.events.escape import clean

MOST_NAME: Final = 4096
"""Characters of a path: PATH_MAX (limits.h), so that no path that a program can open is cut."""

MOST_TEXT: Final = 1024
"""Characters of a sentence."""

MOST_WORD: Final = 64
"""Characters of a name from a closed list."""

MOST_ENTRIES: Final = 16
"""Entries of a list; what a list counts is also given as a number."""

MOST_COUNT: Final = 2**63 - 1
"""The largest number that every reader of JSON and SQLite keeps exactly, or at least keeps."""


def _name(value: object) -> object:
    return clean(value, MOST_NAME) if isinstance(value, str) else value


def _text(value: object) -> object:
    return clean(value, MOST_TEXT) if isinstance(value, str) else value


def _word(value: object) -> object:
    return clean(value, MOST_WORD) if isinstance(value, str) else value


def _count(value: object) -> object:
    return max(0, min(value, MOST_COUNT)) if isinstance(value, int) else value


def _seconds(value: object) -> object:
    if not isinstance(value, (int, float)):
        return value
    if isinstance(value, float) and math.isnan(value):
        return 0.0
    return round(float(max(0, min(value, 1e12))), 3)  # cut before: an integer may be too large for a float


def _first(value: object) -> object:
    return value[:MOST_ENTRIES] if isinstance(value, tuple) else value


FileName = Annotated[str, BeforeValidator(_name)]
"""An absolute path, or a name within one: given as `os.fsdecode` has it, kept escaped."""

Text = Annotated[str, BeforeValidator(_text)]
"""A sentence or a part of one, for people."""

Word = Annotated[str, BeforeValidator(_word)]
"""A name from a closed list that programs compare: a reason, a state, a key id."""

Words = Annotated[tuple[Word, ...], BeforeValidator(_first)]
"""The first of some names."""

FileNames = Annotated[tuple[FileName, ...], BeforeValidator(_first)]
"""The first of some paths."""

Count = Annotated[int, BeforeValidator(_count)]
"""How many, how many bytes, or which number; never negative."""

Seconds = Annotated[float, BeforeValidator(_seconds)]
"""A time span, in thousandths at the finest."""


class Part(BaseModel):
    """What a field may consist of."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class Holder(Part):
    """A process that has an item open."""

    pid: Count
    """Its process id."""
    command: Word
    """Its name, as in /proc/PID/comm; it chose it itself."""

    def __str__(self) -> str:
        return f"{self.command}[{self.pid}]"


class ReasonCount(Part):
    """How many items were left alone for one reason."""

    reason: Word
    """The reason, as in `item_skipped`."""
    count: Count
    """Items."""

    def __str__(self) -> str:
        return f"{self.count} {spoken(self.reason)}"


Holders = Annotated[tuple[Holder, ...], BeforeValidator(_first)]
"""The first of those who have an item open."""

ReasonCounts = Annotated[tuple[ReasonCount, ...], BeforeValidator(_first)]
"""The most frequent reasons."""


def spoken(word: str) -> str:
    """Return a name from a closed list as words: ``open elsewhere``."""
    return word.replace("_", " ")


def error_text(number: int | None) -> str:
    """Return what the system calls an errno, with its name; "" for none."""
    if not number:
        return ""
    name = errno.errorcode.get(number)
    return f"{os.strerror(number)} ({name})" if name else f"error {number}"


def joined(*parts: object, by: str = ", ") -> str:
    """Return the parts that say something, one after the other."""
    return by.join(text for part in parts if (text := str(part)))
