"""What is different between two configurations, and what of it only a restart puts in force."""

from typing import Final

from cscd.config import Settings
from cscd.config.outline import outline, value_of

_RESTART: Final = ("keys.machine_credential", "keys.machine_key_file", "sessions.source")
"""The keys of settings that are read once, at the start."""


def differing(before: Settings, after: Settings) -> tuple[str, ...]:
    """Return the dotted names of the keys that have another value than before."""
    return tuple(
        key.name
        for key in outline()
        if key.section is None and value_of(before, key.path) != value_of(after, key.path)
    )


def needing_restart(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the names whose values a reload does not put in force."""
    return tuple(name for name in names if name in _RESTART)
