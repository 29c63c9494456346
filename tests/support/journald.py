"""A journald of our own: the real program, on a /run and /var/log that nobody else sees.

Needs root. It runs in a mount namespace that ends with it, and neither reads the kernel's messages nor
touches its auditing. Other programs come in with `Journald.run`.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import requires
from tests.support.waiting import wait_until

PROGRAMS = ("/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald")

SETUP = """
set -e
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mkdir -p /run/systemd/journal /run/systemd/journald.conf.d /var/log/journal
cat >/run/systemd/journald.conf.d/test.conf <<EOF
[Journal]
Audit=no
ReadKMsg=no
RateLimitBurst=0
EOF
exec "$0"
"""


@dataclass(frozen=True, slots=True)
class Journald:
    """A journald that runs."""

    pid: int

    def run(self, *command: str | Path, **variables: str) -> str:
        """Run a program that sees this journald, and return its output."""
        done = subprocess.run(
            self.entered(*command),
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **variables},
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def python(self, source: str) -> str:
        """Run a program in Python that sees this journald, and return its output."""
        return self.run(sys.executable, "-c", source)

    def sync(self) -> None:
        """Return once everything that was sent to it is in its files."""
        self.run("journalctl", "--sync")

    def entered(self, *command: str | Path) -> list[str | Path]:
        """Return the command line of a program that sees this journald."""
        return ["nsenter", f"--mount=/proc/{self.pid}/ns/mnt", "--wdns=.", *command]


@contextmanager
def running() -> Iterator[Journald]:
    """Run a journald while the block lasts; skip where that is not possible."""
    requires.mounting()
    requires.command("unshare", "nsenter", "journalctl")
    program = next((path for path in PROGRAMS if os.access(path, os.X_OK)), None)
    if program is None:
        pytest.skip(f"needs systemd-journald: {requires.PROVISION}")
    if not Path("/etc/machine-id").is_file():
        pytest.skip("needs /etc/machine-id, without which journald does not start")
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", SETUP, program], stderr=subprocess.PIPE
    ) as process:
        journald = Journald(process.pid)
        try:
            wait_until(lambda: _listens(process), "journald listens or has given up")
            if process.poll() is not None:
                message = f"journald: {process.stderr.read().decode() if process.stderr else ''}"
                raise OSError(message)
            yield journald
        finally:
            process.terminate()
            process.communicate(timeout=30)


def _listens(process: "subprocess.Popen[bytes]") -> bool:
    """Whether its socket is there, or it has ended."""
    return process.poll() is not None or _inside(process.pid, "run/systemd/journal/socket")


def _inside(pid: int, path: str) -> bool:
    """Whether a path is there for a process that is in another mount namespace than we."""
    there = subprocess.run(
        ["nsenter", f"--mount=/proc/{pid}/ns/mnt", "test", "-S", f"/{path}"], capture_output=True, check=False
    )
    ours = os.stat("/proc/self/ns/mnt").st_ino
    return there.returncode == 0 and os.stat(f"/proc/{pid}/ns/mnt").st_ino != ours
