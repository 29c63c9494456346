"""A person at a terminal of a machine that `container` has booted: reads what is asked, and types."""

import os
import re
import select
import shlex
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.machine import Machine

PROMPT = "[$#] $"
"""What a shell of ours says last when it waits."""


@dataclass(slots=True)
class Person:
    """Somebody in front of a program."""

    process: "subprocess.Popen[bytes]"
    seen: str = ""
    """What has appeared since the last key was pressed."""

    def until(self, pattern: str, *, deadline: float = 15.0) -> str:
        """Read until a pattern appears, and return what has appeared; TimeoutError if it does not."""
        end = time.monotonic() + deadline
        while not re.search(pattern, self.seen):
            if not self._read(end - time.monotonic()):
                message = f"waited in vain for {pattern!r}: {self.seen!r}"
                raise TimeoutError(message)
        return self.seen

    def type(self, line: str) -> None:
        """Type a line."""
        assert self.process.stdin
        self.seen = ""
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def answer(self, question: str, line: str) -> None:
        """Wait for a question and type the answer."""
        self.until(question)
        self.type(line)

    def end(self) -> str:
        """Read to the end."""
        while self._read(15.0):
            pass
        self.process.wait(15.0)
        return self.seen

    def _read(self, seconds: float) -> bool:
        output = self.process.stdout
        assert output
        if not select.select([output], [], [], max(0.0, seconds))[0]:
            return False
        piece = os.read(output.fileno(), 65_536)
        self.seen += piece.decode("utf-8", "replace")
        return bool(piece)


@contextmanager
def at_terminal(machine: Machine, *command: str, user: str = "") -> Iterator[Person]:
    """Run a program at a terminal of its own, outside of every session of logind's."""
    script = ("script", "--quiet", "--flush", "--return", "--command", shlex.join(command), "/dev/null")
    unit = f"terminal-{uuid.uuid4()}"
    become = [f"--uid={user}"] if user else []
    run = ("systemd-run", "--quiet", "--collect", "--pipe", "--wait", f"--unit={unit}", *become)
    arguments = machine.command(*run, "--setenv=TERM=dumb", "--", *script)
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            yield Person(process)
        finally:
            machine.run("systemctl", "kill", "--signal=KILL", unit, check=False)
            process.kill()
