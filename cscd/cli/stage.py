"""Running real commands before an audience: each is shown as typed, with what it prints."""

import os
import re
import select
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from cscd.cli.names import harmless
from cscd.cli.terminal import Style, Terminal

_INDENT: Final = "   "
_COLUMNS: Final = 80
_DEADLINE: Final = 20.0
"""Seconds after which what should take one or two is taken to hang."""
_LEVEL: Final = re.compile(rb"[0-9:]+ ([A-Z]) ")
"""How a line of the service's log begins (`cscd.events.console`)."""
_STYLES: Final = {b"W": Style.YELLOW, b"E": Style.RED, b"C": Style.RED}


class MissedCueError(Exception):
    """What was to happen next did not, so that the rest cannot be shown; says what."""


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    out: bytes
    err: bytes


class Stage:
    """A directory to play in and an audience to tell."""

    def __init__(self, terminal: Terminal, directory: str, environment: Mapping[str, str]) -> None:
        self._terminal = terminal
        self._directory = directory
        self._environment = {**environment, "COLUMNS": str(_COLUMNS - len(_INDENT))}
        self._scenes = 0

    def scene(self, title: str) -> None:
        """Begin the next part."""
        self._scenes += 1
        self._terminal.print()
        self._terminal.print(self._terminal.styled(f"{self._scenes}. {title}", Style.BOLD))

    def tell(self, text: str, *styles: str) -> None:
        """Say what is going on."""
        for line in textwrap.wrap(text, _COLUMNS - len(_INDENT), break_on_hyphens=False):
            self._terminal.print(f"{_INDENT}{self._terminal.styled(line, *styles)}")

    def run(self, *argv: str, quiet: bool = False) -> Done:
        """Run a command to its end and show what it prints; with `quiet` only its messages."""
        self._show(shlex.join(argv))
        done = self.ask(*argv)
        self.echo(done.err)
        if not quiet:
            self.echo(done.out)
        return done

    def ask(self, *argv: str) -> Done:
        """Run a command to its end and show nothing. Raises MissedCueError if it does not end."""
        try:
            done = subprocess.run(  # noqa: S603 - our own command, or age, with arguments of our own making
                _real(argv),
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_DEADLINE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise MissedCueError(f"{shlex.join(argv)} did not end") from None
        return Done(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def started(self, *argv: str) -> Iterator["Running"]:
        """Run a command in the background; it does not outlive the block."""
        self._show(f"{shlex.join(argv)} &")
        with subprocess.Popen(  # noqa: S603 - our own command with arguments of our own making
            _real(argv),
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            try:
                yield Running(process, self)
            finally:
                process.kill()

    def echo(self, output: bytes, *styles: str) -> None:
        """Show what a command has printed."""
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
                self._terminal.print(self._terminal.styled(part, *styles))

    def _show(self, command: str) -> None:
        """Show a command as it would be typed."""
        self._terminal.print(self._terminal.styled(f"{_INDENT}$ {command}", Style.GREEN))


class Running:
    """A command in the background, whose lines are shown when the story has come to them."""

    def __init__(self, process: "subprocess.Popen[bytes]", stage: Stage) -> None:
        self._process = process
        self._stage = stage
        self._text = b""
        """What it has printed and nobody has seen yet."""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def until(self, sign: str) -> None:
        """Show its lines, up to the first that contains the pattern. Raises MissedCueError."""
        end = time.monotonic() + _DEADLINE
        while (line := self._line(end)) is not None:
            self._show(line)
            if re.search(sign, line.decode("utf-8", "replace")):
                return
        raise MissedCueError(f"process {self.pid} never said {sign!r}")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def end(self) -> int:
        """Show its last lines, and return its exit code. Raises MissedCueError if it does not end."""
        end = time.monotonic() + _DEADLINE
        while (line := self._line(end)) is not None:
            self._show(line)
        try:
            return self._process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise MissedCueError(f"process {self.pid} did not end") from None

    def _show(self, line: bytes) -> None:
        level = _LEVEL.match(line)
        self._stage.echo(line, *([_STYLES[level[1]]] if level and level[1] in _STYLES else []))

    def _line(self, end: float) -> bytes | None:
        """Return its next line, None when there comes no more until `end`, of time.monotonic()."""
        out = self._process.stdout
        if out is None:
            raise AssertionError("it is a pipe")
        while b"\n" not in self._text:
            if not select.select([out], [], [], max(0.0, end - time.monotonic()))[0]:
                return None
            piece = os.read(out.fileno(), 65536)
            if not piece:
                return None
            self._text += piece
        line, _, self._text = self._text.partition(b"\n")
        return line


def _real(argv: Sequence[str]) -> list[str]:
    """Return what to execute: `cscd` is the program that is running here, wherever it is installed."""
    program, *arguments = argv
    return [sys.executable, "-m", "cscd", *arguments] if program == "cscd" else [program, *arguments]
