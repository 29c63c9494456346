"""Whether a user is there, from the first logon to the end of the last pass."""

from enum import Enum, auto


class Stay(Enum):
    """Whether the user is there."""

    HERE = auto()
    """A session is open."""
    GRACE = auto()
    """The last session has ended just now."""
    LAST_PASS = auto()
    """The last pass is wanted or under way."""
    GONE = auto()
    """Nothing is left to do."""
