"""One daemon while it runs: users log on, it is asked how it is, and ended."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bench.command import CommandError
from bench.service import ledger
from bench.service.accounts import uid_of
from bench.service.ground import Ground
from bench.service.journal import Entry, Journal

WATCHDOG = 30.0
"""Seconds, as the unit has it (WatchdogSec= in systemd/cscd.service)."""
QUIET = 4
"""Seconds in a row in which nobody was woken, after which a daemon counts as settled."""
SETTLE_LIMIT = 60.0
"""Seconds after which we measure one that never rests."""
READY_WITHIN = 60.0
STOPPED_WITHIN = 30.0
"""Seconds after which a benchmark gives up."""


@dataclass(slots=True)
class Running:
    """The daemon in the benchmark's hands."""

    ground: Ground
    process: "subprocess.Popen[bytes]"
    notified: socket.socket
    journal: Journal

    @property
    def pid(self) -> int:
        """The daemon's process."""
        return self.process.pid

    # -- logons --------------------------------------------------------------------------------

    def log_on(self, users: Iterable[int]) -> dict[int, float]:
        """Open a session for each of these users; returns the time at which that was, by uid."""
        return {uid_of(number): self._log_on(number) for number in users}

    def _log_on(self, number: int) -> float:
        uid, sessions = uid_of(number), self.ground.sessions / "sessions"
        aside = sessions / f".{number}"
        aside.write_text(f"UID={uid}\nUSER=user-{uid}\nSTATE=active\nCLASS=user\n", encoding="ascii")
        at = time.time()
        aside.rename(sessions / str(number + 1))
        return at

    def ready(self, began: Mapping[int, float], seconds: float = 120.0) -> dict[int, float]:
        """Wait until each of these has a worker; returns the seconds from the logon until then, by uid."""
        found = self.journal.first(began, lambda entry: entry.event == "worker_started", seconds)
        return {uid: entry.at - began[uid] for uid, entry in found.items()}

    def compliant(self, began: Mapping[int, float], seconds: float = 900.0) -> dict[int, float]:
        """Wait until each of these had a pass that left nothing; returns the seconds until then, by uid."""
        found = self.journal.first(began, _right, seconds)
        return {uid: entry.at - began[uid] for uid, entry in found.items()}

    def settle(self) -> None:
        """Return when nothing but the watchdog's ping wakes anybody any more, or it never gets so far."""
        deadline = time.monotonic() + SETTLE_LIMIT
        quiet = 0
        before = self._sleeps()
        while quiet < QUIET and time.monotonic() < deadline:
            time.sleep(1)
            now = self._sleeps()
            quiet = quiet + 1 if now == before else 0
            before = now

    def _sleeps(self) -> int:
        return sum(each.sleeps for each in ledger.use(self.pid).values())

    # -- what it says --------------------------------------------------------------------------

    def ask(self) -> float:
        """Ask for the status, as `cscd status` does; returns the seconds until it was there."""
        began = time.perf_counter()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(READY_WITHIN)
            asking.connect(os.fspath(self.ground.control))
            asking.sendall(b'{"ask":"status"}\n')
            data = b"".join(iter(lambda: asking.recv(1 << 16), b""))
        took = time.perf_counter() - began
        if "answer" not in json.loads(data):
            raise CommandError(f"the daemon refused its status: {data[:200]!r}")
        return took

    def pings(self) -> int:
        """How often it has said that it is alive since this was last asked."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                count += b"WATCHDOG=1" in self.notified.recv(4096)
        return count

    def terminate(self) -> float:
        """Send SIGTERM, and return the seconds until it had ended, and with it every process of its."""
        began = time.perf_counter()
        self.process.terminate()
        try:
            code = self.process.wait(STOPPED_WITHIN)
        except subprocess.TimeoutExpired as late:
            raise CommandError(f"the daemon did not stop within {STOPPED_WITHIN:g} s") from late
        if code:
            raise CommandError(f"the daemon ended with {code}")
        return time.perf_counter() - began


def _right(entry: Entry) -> bool:
    if entry.event == "worker_failed":
        raise CommandError(f"a worker failed: {entry.fields}")
    return entry.event == "pass_completed" and not entry.fields["partial"]


@contextlib.contextmanager
def running(ground: Ground) -> Iterator[Running]:
    """Start a daemon, and wait until it says that it is ready; at the end of the block it has ended.

    Raises:
        CommandError: it did not start, or did not stop.
    """
    with contextlib.ExitStack() as stack:
        ground.notified.unlink(missing_ok=True)
        for session in (ground.sessions / "sessions").iterdir():  # of a daemon that was here before
            session.unlink()
        notified = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        notified.bind(os.fspath(ground.notified))
        notified.settimeout(READY_WITHIN)
        journal = Journal(ground.log)
        said = stack.enter_context(open(ground.root / "log" / "stderr", "wb"))
        process = stack.enter_context(_started(ground, said.fileno()))
        try:
            while b"READY=1" not in notified.recv(4096):
                pass
        except TimeoutError:
            raise CommandError(f"the daemon is not ready; see {said.name}") from None
        notified.setblocking(False)  # noqa: FBT003 - the method's own
        daemon = Running(ground, process, notified, journal)
        yield daemon
        if process.poll() is None:
            daemon.terminate()


@contextlib.contextmanager
def _started(ground: Ground, said: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Start the daemon in a session of its own; killed if need be, and its workers with it."""
    program = [sys.executable, "-m", "bench.service.served"]
    environment = {
        **os.environ,
        "STATE_DIRECTORY": os.fspath(ground.root / "state"),
        "RUNTIME_DIRECTORY": os.fspath(ground.root / "run"),
        "NOTIFY_SOCKET": os.fspath(ground.notified),
        "WATCHDOG_USEC": str(int(WATCHDOG * 1e6)),
    }
    with subprocess.Popen(
        [*program, ground.config, ground.sessions, ground.homes],
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=said,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
