"""A record as one line for people.

::

    11-22 12:09:17 W alice item_failed /home/alice/Offline/a.odt: failed, I/O error

Levels have a letter as well as a colour, so that nothing is said by colour alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import Final

from cscd.events.level import Level
from cscd.events.record import Record

_MICRO: Final = 1_000_000

_DIM: Final = "2"
_BOLD: Final = "1"
_COLOURS: Final = MappingProxyType(
    {Level.CRITICAL: "1;31", Level.ERROR: "31", Level.WARNING: "33", Level.INFO: "", Level.DEBUG: _DIM}
)
"""SGR parameters of ECMA-48."""


@dataclass(frozen=True, slots=True)
class Console:
    """How lines look."""

    colour: bool = False
    """Whether the reader shows colours."""
    date: bool = False
    """Whether to say the day, too; a year is said where it is not this one."""
    zone: tzinfo | None = None
    """The time zone, None for the machine's."""

    def line(self, record: Record) -> str:
        """Return the line, with its newline. Text in a record that was read back is made harmless, too."""
        colour = _COLOURS[record.level]
        parts = [
            self._in(_DIM, self._time(record)),
            self._in(colour, record.level.letter),
            self._in(_BOLD, record.context.user or ""),
            self._in(_DIM, record.event),
            self._in(colour, record.message),
            self._in(
                _DIM, f"({record.context.pass_id})" if record.in_pass and record.context.pass_id else ""
            ),
        ]
        return " ".join(filter(None, parts)) + "\n"

    def _time(self, record: Record) -> str:
        time = moment(record.time_us, self.zone)
        if not self.date:
            return time.strftime("%H:%M:%S")
        this_year = time.year == datetime.now(time.tzinfo).year
        return time.strftime("%m-%d %H:%M:%S" if this_year else "%Y-%m-%d %H:%M:%S")

    def _in(self, style: str, text: str) -> str:
        text = harmless(text)
        return f"\x1b[{style}m{text}\x1b[0m" if self.colour and style and text else text


def moment(time_us: int, zone: tzinfo | None = None) -> datetime:
    """Return a record's time in a time zone, None for the machine's."""
    utc = datetime.fromtimestamp(time_us // _MICRO, UTC)
    try:
        return utc.astimezone(zone)
    except OverflowError:  # the first or last day that can be named
        return utc


def harmless(text: str) -> str:
    """Return text in which nothing controls a terminal; our own records have none that does."""
    return (
        text
        if text.isprintable()
        else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    )


def wants_colour(environment: Mapping[str, str], *, terminal: bool) -> bool:
    """Return whether to use colours: on a terminal that has them, unless the user said no (no-color.org)."""
    return terminal and not environment.get("NO_COLOR") and environment.get("TERM", "dumb") != "dumb"
