"""Durations and sizes, as they are written in a configuration file."""

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from cscd.config.kind import Kind

_SECONDS: Final = MappingProxyType({"d": 86_400, "h": 3_600, "m": 60, "s": 1})
_BYTES: Final = MappingProxyType({"T": 1 << 40, "G": 1 << 30, "M": 1 << 20, "K": 1 << 10})

_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([smhd]?)", re.ASCII)
_SIZE: Final = re.compile(r"([0-9]{1,18})([KMGT]?)", re.ASCII)

_MILLISECOND: Final = 3
"""Decimals of a second that are kept."""


@dataclass(frozen=True, slots=True)
class Duration(Kind):
    """A time span in seconds, to the millisecond."""

    least: float
    """Seconds."""
    most: float
    """Seconds."""
    zero: str = ""
    """What 0 stands for; "" where it means nothing else, and is allowed only if it is the least."""

    @property
    def phrase(self) -> str:
        """Examples and bounds."""
        bounds = f"from {as_duration(self.least)} to {as_duration(self.most)}"
        zero = f", or 0 for {self.zero}" if self.zero else ""
        return f"a duration such as 90, 90s, 10m, 1h or 1d, {bounds}{zero}"

    def read(self, value: object) -> float:
        """Return the seconds."""
        found = self._seconds(value)
        if not (self.least <= found <= self.most or (self.zero and found == 0)):
            raise ValueError
        return found

    @staticmethod
    def _seconds(value: object) -> float:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return round(float(value), _MILLISECOND)
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError
        return round(float(match[1]) * _SECONDS[match[2] or "s"], _MILLISECOND)

    def written(self, value: object) -> str:
        """Return the duration in the largest unit of which it is a whole number."""
        return as_duration(value) if isinstance(value, (int, float)) else super(Duration, self).written(value)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema; bounds of what is written as text only show when it is read."""
        number = {"type": "number", "minimum": 0 if self.zero else self.least, "maximum": self.most}
        return {"anyOf": [number, {"type": "string", "pattern": f"^(?:{_DURATION.pattern})$"}]}


@dataclass(frozen=True, slots=True)
class Size(Kind):
    """A number of bytes."""

    least: int
    most: int

    @property
    def phrase(self) -> str:
        """Examples and bounds."""
        return f"a size such as 65536, 64K, 64M or 1G, from {_size(self.least)} to {_size(self.most)}"

    def read(self, value: object) -> int:
        """Return the bytes."""
        if isinstance(value, int) and not isinstance(value, bool):
            found = value
        elif isinstance(value, str) and (match := _SIZE.fullmatch(value)):
            found = int(match[1]) * (_BYTES[match[2]] if match[2] else 1)
        else:
            raise ValueError
        if not self.least <= found <= self.most:
            raise ValueError
        return found

    def written(self, value: object) -> str:
        """Return the size in the largest unit of which it is a whole number."""
        return _size(value) if isinstance(value, int) else super(Size, self).written(value)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema; bounds of what is written as text only show when it is read."""
        number = {"type": "integer", "minimum": self.least, "maximum": self.most}
        return {"anyOf": [number, {"type": "string", "pattern": f"^(?:{_SIZE.pattern})$"}]}


def as_duration(seconds: float) -> str:
    """Return seconds in the largest unit of which they are a whole number: ``10m``."""
    if not seconds:
        return "0"
    for unit, factor in _SECONDS.items():
        if not seconds % factor:
            return f"{int(seconds // factor)}{unit}"
    return f"{seconds:.3f}".rstrip("0") + "s"


def _size(count: int) -> str:
    for unit, factor in _BYTES.items():
        if count and not count % factor:
            return f"{count // factor}{unit}"
    return str(count)
