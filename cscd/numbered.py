"""A number with a meaning, for numbers that programs outside of ours rely on."""

from enum import IntEnum
from typing import Self


class Numbered(IntEnum):
    """The base of such an enumeration: each member is written as its number and its meaning."""

    meaning: str

    def __new__(cls, value: int, meaning: str = "") -> Self:
        """Attach the meaning to the number."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member
