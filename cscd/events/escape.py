r"""Foreign text made fit for a log: reversible escapes, a bound on its length, and no secret keys.

A file name may hold any byte but NUL and the slash, and its owner chooses it. In a log it must not begin a
line, speak to a terminal, reorder what is around it, or be mistaken for another name::

    \n \t \r \\        the usual
    \xff               one byte that is not UTF-8
    \u202e \U000e0041  one character that is not printable (Unicode categories "Other" and "Separator")
    \[123 more]        at the end: so many characters were cut off

Everything else stands for itself, so that `unescape` finds the one name that was meant. `cscd.cli.names`
shows names to people by the same rules.
"""

import re
from types import MappingProxyType
from typing import Final

REMOVED: Final = "[secret key removed]"
"""What stands in a log where somebody tried to write an identity."""

_IDENTITY: Final = re.compile(r"AGE-SECRET-KEY-[0-9A-Z-]*", re.IGNORECASE)
"""An age identity, also of the plugin and post-quantum kinds, and a damaged one (C2SP age, "X25519")."""

_SHORT: Final = MappingProxyType({"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\"})
_LONG: Final = MappingProxyType({short: character for character, short in _SHORT.items()})
_LOWEST_STRAY: Final = 0xDC80
_HIGHEST_STRAY: Final = 0xDCFF
"""Where Python keeps the bytes of a name that are not UTF-8 (PEP 383): 0xDC00 and the byte."""
_PLANE: Final = 0xFFFF
"""The last character that four hexadecimal digits can name."""

_ESCAPE: Final = re.compile(
    r"\\(?:[ntr\\]|x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(\[[0-9]+ more\]\Z)|(.?))", re.DOTALL
)


def clean(text: str, limit: int) -> str:
    """Return text as it may stand in a log.

    Args:
        text: anything; bytes that are not UTF-8 as `os.fsdecode` gives them.
        limit: characters of `text` that are kept. An escape takes up to ten, the mark of a cut twenty more.
    """
    text = redact(text)
    if len(text) > limit:
        return f"{escape(text[:limit])}\\[{len(text) - limit} more]"
    return escape(text)


def redact(text: str) -> str:
    """Return text with everything replaced that looks like an age identity."""
    # Most text is short and innocent, and looking for one letter is the fastest way to know.
    if "-" not in text:
        return text
    return _IDENTITY.sub(REMOVED, text)


def escape(text: str) -> str:
    """Return text on one line, without control; different texts stay different."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(c if c.isprintable() and c != "\\" else escaped(c) for c in text)


def unescape(text: str) -> str:
    r"""Return the text that `escape` was given; `os.fsencode` makes a file's name of it.

    Raises:
        ValueError: the text was cut, so that nobody knows the rest; or it holds what no escape looks like.
    """
    return _ESCAPE.sub(_meant, text)


def escaped(character: str) -> str:
    """Return the escape for one character that cannot stand for itself."""
    if character in _SHORT:
        return _SHORT[character]
    number = ord(character)
    if _LOWEST_STRAY <= number <= _HIGHEST_STRAY:
        return f"\\x{number & 0xFF:02x}"
    # \x stands for a byte that is no character, so that no character may be written like it.
    return f"\\u{number:04x}" if number <= _PLANE else f"\\U{number:08x}"


def _meant(match: re.Match[str]) -> str:
    byte, short, long, cut, unknown = match.groups()
    if cut:
        raise ValueError(f"the name was too long for the log; it lacks the end: {match.string}")
    if unknown is not None:
        raise ValueError(f"not an escape: {match[0]!r}")
    if byte:
        return chr(0xDC00 | int(byte, 16))
    if short or long:
        return chr(int(short or long, 16))
    return _LONG[match[0]]
