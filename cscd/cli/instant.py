"""Points in time, as people write them: ``yesterday``, ``-2h``, ``2026-11-22``, ``14:30``.

Without a zone they are meant in the machine's.
"""

import argparse
import re
from datetime import UTC, datetime, time, timedelta
from types import MappingProxyType
from typing import Final

_AGO: Final = re.compile(r"-?([0-9]{1,9})\s*(s|m|min|h|d|w)(?:\s+ago)?")
_UNITS: Final = MappingProxyType(
    {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
)
_EPOCH: Final = re.compile(r"@([0-9]{1,12}(?:\.[0-9]{1,6})?)")
_CLOCK: Final = re.compile(r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?")
_DAYS: Final = MappingProxyType({"today": 0, "yesterday": 1})

EXAMPLES: Final = "yesterday, -2h, 14:30, 2026-11-22 or 2026-11-22T14:30"


def instant(text: str) -> datetime:
    """Return the time that is meant, seen from now; argparse names the option that is wrong."""
    try:
        return _meant(text.strip().lower(), datetime.now().astimezone())
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as {EXAMPLES}") from None


def _meant(text: str, now: datetime) -> datetime:
    """Return the time that is meant. Raises ValueError, OverflowError or OSError."""
    if text == "now":
        return now
    if text in _DAYS:
        return _local(datetime.combine(now.date() - timedelta(days=_DAYS[text]), time()))
    if match := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
    if match := _EPOCH.fullmatch(text):
        return datetime.fromtimestamp(float(match[1]), UTC)
    if _CLOCK.fullmatch(text):
        return _local(datetime.combine(now.date(), time.fromisoformat(text.zfill(len("00:00")))))
    return _local(datetime.fromisoformat(text.upper()))


def _local(moment: datetime) -> datetime:
    """Return a time with a zone: its own, or the machine's on that day."""
    return moment.astimezone()
