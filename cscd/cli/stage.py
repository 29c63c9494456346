"""Running real commands before an audience: each is shown as typed, with what it prints."""

import contextlib
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import termios
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cscd.cli.names import harmless
from cscd.cli.terminal import Style, Terminal

_INDENT: Final = "   "
_COLUMNS: Final = 80
_ROWS: Final = 24
_DEADLINE: Final = 60
"""Seconds after which a command that should take one is taken to hang."""
_CONTROL: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x07")


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    out: bytes


class Stage:
    """A directory to play in and an audience to tell."""

    def __init__(self, terminal: Terminal, directory: str, environment: Mapping[str, str]) -> None:
        self._terminal = terminal
        self._directory = directory
        self._environment = {**environment, "COLUMNS": str(_COLUMNS)}
        self._scenes = 0

    def scene(self, title: str) -> None:
        """Begin the next part."""
        self._scenes += 1
        self._terminal.print()
        self._terminal.print(self._terminal.styled(f"{self._scenes}. {title}", Style.BOLD))

    def tell(self, text: str) -> None:
        """Say what is going on."""
        self._terminal.print(f"{_INDENT}{text}")

    def show(self, argv: Sequence[str]) -> None:
        """Show a command as it would be typed."""
        self._terminal.print(self._terminal.styled(f"{_INDENT}$ {shlex.join(argv)}", Style.GREEN))

    def run(self, *argv: str, quiet: bool = False) -> Done:
        """Run a command to its end and show what it prints; with `quiet` only its errors."""
        self.show(argv)
        done = self.ask(*argv)
        if not quiet:
            self._echo(done.out)
        return done

    def ask(self, *argv: str) -> Done:
        """Run a command to its end and show only its errors."""
        done = subprocess.run(  # noqa: S603 - our own command, or age, with arguments of our own making
            self._real(argv),
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_DEADLINE,
            check=False,
        )
        self._echo(done.stderr)
        return Done(done.returncode, done.stdout)

    def run_until(self, sign: str, then: Callable[[], None], *argv: str) -> Done:
        """Run a command, and call `then` once a line of its messages contains `sign`."""
        self.show(argv)
        with subprocess.Popen(  # noqa: S603 - our own command with arguments of our own making
            self._real(argv),
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as running:
            if running.stderr is None or running.stdout is None:
                raise AssertionError("both are pipes")
            for line in running.stderr:
                self._echo(line)
                if sign.encode() in line:
                    then()
            out = running.stdout.read()
            self._echo(out)
        return Done(running.returncode, out)

    def interrupt(self, sign: str, *argv: str) -> Done:
        """Run a command with a terminal for its messages, and press Ctrl-C once `sign` appears there."""
        self.show(argv)
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (_ROWS, _COLUMNS))
        with subprocess.Popen(  # noqa: S603 - our own command with arguments of our own making
            self._real(argv),
            cwd=self._directory,
            env={**self._environment, "TERM": "xterm"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=slave,
        ) as running:
            os.close(slave)
            seen = _read_until(master, sign)
            running.send_signal(signal.SIGINT)
            if running.stdout is None:
                raise AssertionError("it is a pipe")
            out = running.stdout.read()
            running.wait()
        os.close(master)
        self._echo(f"{seen}\n^C\n".encode())
        self._echo(out)
        return Done(running.returncode, out)

    def _echo(self, output: bytes) -> None:
        for line in output.decode("utf-8", "surrogateescape").splitlines():
            indent = " " * (len(line) - len(line.lstrip()) + len(_INDENT))
            folded = textwrap.wrap(
                harmless(line).strip(),
                _COLUMNS,
                initial_indent=indent,
                subsequent_indent=f"{indent}  ",
                break_long_words=False,
                break_on_hyphens=False,
            )
            for part in folded:
                self._terminal.print(part)

    @staticmethod
    def _real(argv: Sequence[str]) -> list[str]:
        """Return what to execute: `cscd` is the program that is running here, wherever it is installed."""
        program, *arguments = argv
        return [sys.executable, "-m", "cscd", *arguments] if program == "cscd" else [program, *arguments]


def _read_until(master: int, sign: str) -> str:
    """Read a terminal until `sign` shows, or everybody at its other end has gone; return the last line."""
    text = ""
    pattern = re.compile(sign)
    # Linux answers EIO when the last process at the other end has closed it.
    with contextlib.suppress(OSError):
        while not pattern.search(text) and (piece := os.read(master, 4096)):
            text += piece.decode("utf-8", "replace")
    lines = [line for line in re.split(r"[\r\n]+", _CONTROL.sub("", text)) if line.strip()]
    return lines[-1] if lines else ""
