"""What the service answers, as frozen values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Encryption:
    """How the cache stands."""

    encrypted: bool
    """Whether new items are encrypted, and those that are there shall be."""
    partial: bool
    """Whether some item of some user is not in that state, or is not known to be."""


@dataclass(frozen=True, slots=True)
class Change:
    """What the signal EncryptionChanged says."""

    was: Encryption
    now: Encryption


@dataclass(frozen=True, slots=True)
class Properties:
    """The properties of the cache."""

    active: bool
    """Whether the service carries out calls and makes passes."""
    enabled: bool
    """Whether there is a cache to take care of."""
    location: str
    """The first root of the cache, as the configuration has it."""
