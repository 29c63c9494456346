"""Where a command prints: results to standard output, everything else to standard error.

Both are written without a buffer, so that nothing is left to fail when the interpreter ends. A result that
cannot be written is an error of the command; a message that cannot is not.
"""

import contextlib
import os
import re
import select
import sys
from collections.abc import Mapping
from typing import Final

from cscd.cli.names import harmless
from cscd.errors import OutputError

STANDARD: Final = (0, 1, 2)
OUT: Final = 1
ERR: Final = 2
DEFAULT_COLUMNS: Final = 80
"""Of a terminal that does not say."""
DEFAULT_ROWS: Final = 24
UNLIMITED: Final = sys.maxsize
"""Columns of what is no terminal: a file or a pipe takes lines as they are."""
_COLUMNS: Final = re.compile(r"[0-9]{1,6}", re.ASCII)


class Style:
    """How text stands out; SGR parameters of ECMA-48."""

    BOLD = "1"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"


class Terminal:
    """Standard output and standard error, each of which may be a terminal, a file, a pipe or closed."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Look at what they are; `environment` has NO_COLOR, TERM and COLUMNS."""
        dumb = environment.get("TERM", "dumb") == "dumb"
        self._colour = _is_terminal(OUT) and not dumb and not environment.get("NO_COLOR")
        self.screen = _is_terminal(OUT) and not dumb
        """Whether standard output is a screen on which something can be drawn over."""
        self.interactive = _is_terminal(ERR) and not dumb
        """Whether standard error can show a line that changes."""
        self._columns = environment.get("COLUMNS", "")
        self._encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        self._error_encoding = getattr(sys.stderr, "encoding", None) or "utf-8"

    def print(self, line: str = "") -> None:
        """Print a line of the result. Raises OutputError."""
        self.write_text(f"{line}\n")

    def write_text(self, text: str) -> None:
        """Write text of the result as it is. Raises OutputError."""
        self.write(text.encode(self._encoding, "backslashreplace"))

    def write(self, data: bytes | memoryview) -> None:
        """Write bytes of the result. Raises OutputError."""
        try:
            _write_all(OUT, data)
        except OSError as error:
            raise OutputError(f"the output cannot be written: {os.strerror(error.errno or 0)}") from error

    def say(self, message: str) -> None:
        """Tell something to the person at standard error, if there is one; without control characters."""
        self.draw(f"cscd: {harmless(message)}\n")

    def draw(self, text: str) -> None:
        """Write text as it is to standard error, if it can be written."""
        with contextlib.suppress(OSError):
            _write_all(ERR, text.encode(self._error_encoding, "backslashreplace"))

    def styled(self, text: str, *styles: str) -> str:
        """Return text in colour, if standard output shows colours and the user has not said no."""
        return f"\x1b[{';'.join(styles)}m{text}\x1b[0m" if self._colour and styles else text

    def columns(self, fd: int = OUT) -> int:
        """Return the width of the terminal at a descriptor, now; where it is none, that of COLUMNS if set."""
        try:
            return os.get_terminal_size(fd).columns or DEFAULT_COLUMNS
        except OSError:
            given = self._columns
            return (int(given) if _COLUMNS.fullmatch(given) else 0) or UNLIMITED

    def rows(self) -> int:
        """Return the height of the terminal at standard output, now."""
        try:
            return os.get_terminal_size(OUT).lines or DEFAULT_ROWS
        except OSError:
            return DEFAULT_ROWS


def keep_standard_descriptors() -> None:
    """Fill the places of closed standard descriptors, before a file of the user's gets one of their numbers.

    Otherwise ``cscd recheck … >&-`` would open an item as descriptor 1 and print its summary into it. Each
    is opened the wrong way round, so that using it fails as it would have.
    """
    for fd in STANDARD:
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if fd else os.O_WRONLY)


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False


def _write_all(fd: int, data: bytes | memoryview) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            # Somebody made the pipe non-blocking for all who share it.
            select.select([], [fd], [])
