"""The terminal of this process, whatever its standard input and output are: where a person can be asked."""

import contextlib
import errno
import os
import termios
from typing import Any, Final

from cscd.cli.secret import Secret
from cscd.errors import PassphraseError

PATH: Final = "/dev/tty"

_NONE: Final = (errno.ENXIO, errno.ENOENT, errno.ENOTTY, errno.EACCES, errno.EIO)
"""What open(2) says of it in a process that has no terminal."""
_LONGEST: Final = 4096
"""Bytes of a line that a terminal gives at once (termios(3), MAX_CANON is less)."""
_LOCAL_FLAGS: Final = 3
"""Where they are in what tcgetattr returns."""

Settings = list[Any]
"""Of a terminal, as tcgetattr has them."""


def there() -> bool:
    """Whether this process has a terminal."""
    fd = _open()
    if fd is None:
        return False
    os.close(fd)
    return True


def name() -> str:
    """Return the name of the terminal that standard input, output or error is, "" if none of them is one."""
    for fd in (0, 1, 2):
        with contextlib.suppress(OSError):
            return os.ttyname(fd)
    return ""


def settings() -> Settings | None:
    """Return how it is set, None if there is none."""
    fd = _open()
    if fd is None:
        return None
    try:
        return termios.tcgetattr(fd)
    except termios.error:
        return None
    finally:
        os.close(fd)


def restore(settings: Settings | None) -> None:
    """Have it set as it was, if it is there."""
    fd = _open() if settings is not None else None
    if fd is not None:
        _set(fd, settings)
        os.close(fd)


def ask(prompt: str, *, hidden: bool = True) -> Secret | None:
    """Ask for a line, and return it without its end; None where the person ends the input instead (Ctrl-D).

    It is not shown while it is typed, if it is `hidden`, and what was typed before is not taken for it.
    Raises PassphraseError where there is no terminal.
    """
    fd = _open()
    if fd is None:
        raise PassphraseError("there is no terminal to ask at")
    try:
        before = termios.tcgetattr(fd)
        mute = termios.tcgetattr(fd)
        mute[_LOCAL_FLAGS] &= ~(termios.ECHO if hidden else 0)
        ended = not hidden
        try:
            termios.tcsetattr(fd, termios.TCSAFLUSH, mute)
            os.write(fd, prompt.encode("utf-8", "backslashreplace"))
            line = _line(fd)
            ended = ended and line is not None
        finally:
            _set(fd, before)
            if not ended:  # the end of the line was typed unseen, or not at all
                with contextlib.suppress(OSError):
                    os.write(fd, b"\n")
    finally:
        os.close(fd)
    return None if line is None else Secret(line)


def _open() -> int | None:
    """Return a descriptor of it, None if there is none."""
    try:
        return os.open(PATH, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NONE:
            return None
        raise


def _line(fd: int) -> bytes | None:
    line = b""
    while not line.endswith(b"\n"):
        try:
            piece = os.read(fd, _LONGEST)
        except OSError as error:
            if error.errno != errno.EIO:  # it has hung up
                raise
            piece = b""
        if not piece:
            return line or None
        line += piece
        if len(line) > _LONGEST:
            raise PassphraseError("a line that long is no passphrase")
    return line[:-1]


def _set(fd: int, settings: Settings | None) -> None:
    if settings is not None:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(fd, termios.TCSADRAIN, settings)
