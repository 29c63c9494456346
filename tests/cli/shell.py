"""Running the real command, with a state directory of its own, as a user's shell would."""

import importlib
import json
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from cscd.cli.main import entry
from tests.support.users import User, call_as

PROGRAM = (sys.executable, "-m", "cscd")

DEADLINE = 30.0
"""Seconds for what takes far less than one."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """Its standard output as text."""
        return self.out.decode()

    @property
    def messages(self) -> str:
        """Its standard error as text."""
        return self.err.decode()

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever it printed
        """Its standard output, parsed."""
        return json.loads(self.out)


@dataclass(slots=True)
class Shell:
    """A working directory and an environment."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """The state directory."""
        return self.home / "state" / "cscd"

    @property
    def identity(self) -> Path:
        """The kept identity."""
        return self.state / "identity"

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that a command gets."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
        own = {"HOME": str(self.home), "XDG_STATE_HOME": str(self.home / "state")}
        return {"PYTHONUTF8": "1", **kept, **own, **self.variables}

    def run(self, *arguments: str | bytes | Path, stdin: bytes = b"", **options: Any) -> Ended:  # noqa: ANN401
        """Run `cscd` with these arguments to its end; `options` go to subprocess.run."""
        files: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        done = subprocess.run(
            [*PROGRAM, *arguments],
            cwd=self.home,
            env=self.environment,
            input=stdin,
            timeout=DEADLINE,
            check=False,
            **files,
        )
        return Ended(done.returncode, done.stdout or b"", done.stderr or b"")

    def run_as(self, user: User, *arguments: str | Path) -> Ended:
        """Run `cscd` as somebody else, in a fork: its interpreter need not be readable to that user."""

        def command() -> tuple[int, bytes, bytes]:
            os.chdir(self.home)
            os.environ.clear()
            os.environ.update(self.environment)
            sys.argv = ["cscd", *map(str, arguments)]
            with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                code = entry()
                return code, os.pread(1, 1 << 20, 0), os.pread(2, 1 << 20, 0)

        for module in ("status", "recheck", "cat", "inspect", "keys"):
            importlib.import_module(f"cscd.cli.{module}")
        return Ended(*call_as(user, command))

    @contextmanager
    def started(self, *arguments: str | Path, **options: Any) -> Iterator["Running"]:  # noqa: ANN401
        """Run `cscd` with these arguments while the block lasts; its messages are read as they come."""
        files: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        with subprocess.Popen(
            [*PROGRAM, *arguments], cwd=self.home, env=self.environment, **files
        ) as process:
            try:
                yield Running(process)
            finally:
                process.kill()

    @contextmanager
    def on_terminal(self, *arguments: str | Path, columns: int = 80) -> Iterator["Running"]:
        """Run `cscd` with a terminal of so many columns for all of its input and output."""
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, columns))
        self.variables.setdefault("TERM", "xterm")
        with (
            subprocess.Popen(
                [*PROGRAM, *arguments],
                cwd=self.home,
                env=self.environment,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                # A session of its own, whose terminal this is: so that it is /dev/tty there.
                start_new_session=True,
                preexec_fn=lambda: os.close(os.open(os.ttyname(slave), os.O_RDWR)),  # noqa: PLW1509
            ) as process,
            open(master, "r+b", buffering=0) as terminal,
        ):
            os.close(slave)
            try:
                yield Running(process, terminal)
            finally:
                process.kill()


@dataclass(slots=True)
class Running:
    """A command that runs, and what it has said so far."""

    process: "subprocess.Popen[bytes]"
    terminal: IO[bytes] | None = None
    """Its terminal, if it has one; else its standard error is read."""
    said: bytes = b""

    def until(self, pattern: str) -> str:
        """Read until a pattern appears, and return all that was said; TimeoutError if it does not."""
        end = time.monotonic() + DEADLINE
        while not re.search(pattern.encode(), self.said):
            if not self._read(end - time.monotonic()):
                message = f"never said {pattern!r}: {self.said!r}"
                raise TimeoutError(message)
        return self.said.decode("utf-8", "replace")

    def type(self, keys: bytes) -> None:
        """Press keys at its terminal."""
        assert self.terminal
        self.terminal.write(keys)

    def end(self) -> Ended:
        """Wait for its end, and return it with everything that was said; a terminal's as its output."""
        if self.terminal:
            while self._read(DEADLINE):
                pass
            return Ended(self.process.wait(DEADLINE), self.said, b"")
        out, err = self.process.communicate(timeout=DEADLINE)
        return Ended(self.process.returncode, out, self.said + err)

    def _read(self, seconds: float) -> bool:
        source = self.terminal or self.process.stderr
        assert source
        if not select.select([source], [], [], max(0.0, seconds))[0]:
            return False
        try:
            piece = os.read(source.fileno(), 65536)
        except OSError:  # Linux answers EIO when nobody has the terminal open any more
            piece = b""
        self.said += piece
        return bool(piece)
