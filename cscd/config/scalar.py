"""What a value without quotes means: the core schema of YAML 1.2 (section 10.3.2), made a little stricter.

PyYAML reads YAML 1.1, in which ``no``, ``off`` and ``on`` are booleans, ``0644`` is octal and ``1:30`` is
ninety. Each of these has surprised somebody. Here ``true`` and ``false`` are the only booleans, and numbers
are decimal; whatever else might be taken for one is text, so that the key that gets it says what it expected.
"""

import re
from types import MappingProxyType
from typing import Final

from cscd.config.node import Plain

_WORDS: Final[MappingProxyType[str, Plain]] = MappingProxyType(
    {
        "": None,
        "~": None,
        "null": None,
        "Null": None,
        "NULL": None,
        "true": True,
        "True": True,
        "TRUE": True,
        "false": False,
        "False": False,
        "FALSE": False,
    }
)

_WHOLE: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
"""No leading zero, which YAML 1.1 and 1.2 read differently; no more digits than 64 bits hold."""

_FRACTION: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,18}")
"""No exponent, no infinity, no NaN: no key of ours has a use for them."""


def resolve(text: str) -> Plain:
    """Return the value of a scalar that is written without quotes and without a tag."""
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _FRACTION.fullmatch(text):
        return float(text)
    return text
