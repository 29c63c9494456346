"""Sizes, times and counts, as people read and write them."""

import argparse
import re
from types import MappingProxyType
from typing import Final

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_STEP: Final = 1024
_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([smh]?)")
_SECONDS: Final = MappingProxyType({"": 1, "s": 1, "m": 60, "h": 3600})
_TEN: Final = 10
_MINUTE: Final = 60
_HOUR: Final = 3600


def size(count: float) -> str:
    """Return a number of bytes in three digits or so: ``1.2 GiB``."""
    unit = 0
    while count >= _STEP and unit < len(_UNITS) - 1:
        count /= _STEP
        unit += 1
    # 9.96 would print as 10.0
    digits = 1 if unit and round(count, 1) < _TEN else 0
    return f"{count:.{digits}f} {_UNITS[unit]}"


def seconds(count: float) -> str:
    """Return a time span: ``0.4 s``, ``42 s``, ``3:07 min``, ``2:10 h``."""
    if round(count, 1) < _TEN:
        return f"{count:.1f} s"
    whole = round(count)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}:{whole % _MINUTE:02} min"
    return f"{whole // _HOUR}:{whole % _HOUR // _MINUTE:02} h"


def items(count: int) -> str:
    """Return a number of items: ``1 item``, ``1,234 items``."""
    return f"{count:,} item{'' if count == 1 else 's'}"


def duration(text: str) -> float:
    """Return the seconds meant by ``90``, ``90s``, ``10m`` or ``1h``; argparse names the option."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration such as 90s, 10m or 1h")
    return float(match[1]) * _SECONDS[match[2]]
