"""File names and other foreign text, made fit to be shown: nothing in them can speak to the terminal.

A name may hold any byte but NUL and the slash. Here control characters, what is not UTF-8 and what reorders
or hides text become escapes; and a name that is too long loses its middle.
"""

import shlex
import unicodedata
from typing import Final

from cscd.events.escape import escape, escaped

_ELLIPSIS: Final = "…"


def shown(name: str) -> str:
    """Return a name as it may be printed, on one line; different names stay different."""
    return escape(name)


def harmless(message: str) -> str:
    """Return a message of our own that may hold a foreign name, with backslashes left as they are."""
    return "".join(c if c.isprintable() else escaped(c) for c in message)


def quoted(argument: str) -> str:
    """Return an argument so that a shell reads it back as it was, whatever bytes it has."""
    if argument.isprintable():
        return shlex.quote(argument)
    # Bash, zsh, ksh and the next POSIX know $'…'; \xHH stands for one byte.
    return "$'" + "".join(_quoted_byte(byte) for byte in argument.encode("utf-8", "surrogateescape")) + "'"


def command_line(arguments: list[str]) -> str:
    """Return arguments as a line to paste into a shell."""
    return " ".join(quoted(argument) for argument in arguments)


def width(text: str) -> int:
    """Return the columns that printable text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def fitted(text: str, columns: int) -> str:
    """Return printable text in at most so many columns, without its middle if it must be."""
    if width(text) <= columns:
        return text
    if columns <= 1:
        return _ELLIPSIS[:columns]
    # The end of a path says more than its beginning.
    end = _last(text, (columns - 1) * 2 // 3)
    return _first(text, columns - 1 - width(end)) + _ELLIPSIS + end


def wrapped(text: str, columns: int) -> list[str]:
    """Return printable text on lines of at most so many columns; only a word that is longer takes more."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and width(longer) > columns:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _first(text: str, columns: int) -> str:
    taken = 0
    for at, character in enumerate(text):
        taken += _columns(character)
        if taken > columns:
            return text[:at]
    return text


def _last(text: str, columns: int) -> str:
    return _first(text[::-1], columns)[::-1]


def _columns(character: str) -> int:
    """Return 0 for a combining mark, 2 for a wide character (Unicode Standard Annex 11), else 1."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _quoted_byte(byte: int) -> str:
    character = chr(byte)
    if character in "\\'":
        return "\\" + character
    return character if character.isascii() and character.isprintable() else f"\\x{byte:02x}"
