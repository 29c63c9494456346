"""Which sinks there are to choose from, by the names that the settings `logging` use."""

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from cscd.events.console import Console, wants_colour
from cscd.events.journal import SOCKET, Journal
from cscd.events.logfile import LogFile
from cscd.events.record import Record
from cscd.events.sink import Sink
from cscd.events.stream import Stream

STANDARD: Final = 1


class Destination(StrEnum):
    """Where the log goes."""

    AUTO = "auto"
    """Standard output if it is a terminal, else the journal if it is there, else standard output."""
    JOURNAL = "journal"
    """The journal, with native fields."""
    FILE = "file"
    """A file of JSON lines."""
    STDOUT = "stdout"
    """Standard output."""


class Form(StrEnum):
    """What standard output gets."""

    AUTO = "auto"
    """Lines for people if it is a terminal, else JSON."""
    CONSOLE = "console"
    """Lines for people, in colour if it is a terminal."""
    JSON = "json"
    """JSON lines."""


def opened(
    destination: Destination,
    form: Form,
    environment: Mapping[str, str],
    *,
    file: str = "",
    fd: int = STANDARD,
    socket: str = SOCKET,
) -> Sink:
    """Return a sink, ready to write.

    Args:
        destination: where to.
        form: of what standard output gets.
        environment: NO_COLOR and TERM, for colours.
        file: the path for `Destination.FILE`.
        fd: the descriptor that stands for standard output.
        socket: journald's socket.

    Raises:
        OSError: the file cannot be opened. Nothing else can fail, and nothing fails later.
    """
    terminal = os.isatty(fd)
    if destination is Destination.FILE:
        return LogFile(file)
    there = destination is Destination.AUTO and not terminal and os.path.exists(socket)
    if there or destination is Destination.JOURNAL:
        return Journal(socket)
    if form is Form.CONSOLE or (form is Form.AUTO and terminal):
        return Stream(fd, "console", Console(colour=wants_colour(environment, terminal=terminal)).line)
    return Stream(fd, "stdout", Record.line)
