"""Signals during a pass."""

import os
import random
import signal
from pathlib import Path

import pytest

from cscd.cli.exitcodes import ExitCode
from tests.cli.shell import Shell
from tests.support.waiting import wait_until

SIZE = 256 << 20


@pytest.fixture
def film(shell: Shell) -> Path:
    """Give a file that takes a while to encrypt."""
    (shell.home / "cache").mkdir()
    path = shell.home / "cache" / "film"
    piece = random.Random(4).randbytes(1 << 20)
    with path.open("wb") as file:
        for _ in range(SIZE >> 20):
            file.write(piece)
    return path


def test_a_pass_stops_in_the_middle_of_a_large_file(shell: Shell, film: Path) -> None:
    """The file is as it was; repeating the command finishes the work."""
    before = film.stat()
    with shell.on_terminal("recheck", "cache") as running:
        running.until("encrypting")
        running.type(b"\x03")
        done = running.end()
    assert done.code == ExitCode.CANCELLED
    assert "1 item not done\r\n" in done.text
    after = film.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_size) == (before.st_ino, before.st_mtime_ns, SIZE)
    assert shell.run("recheck", "cache").code == ExitCode.OK


def test_a_second_signal_ends_it_at_once(shell: Shell, cache: Path) -> None:
    """Its converter processes end with it, without a word; files are whole."""
    with open(cache / "one", "rb"), shell.started("recheck", "--retry-for", "1h", cache) as running:
        running.until("Ctrl-C stops")
        process = running.process
        children = (
            Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        )
        assert children
        os.kill(process.pid, signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        os.kill(process.pid, signal.SIGCONT)
        done = running.end()
        wait_until(lambda: not any(map(_alive, children)), "the converter processes have ended")
    assert done.code == ExitCode.CANCELLED
    assert "ended at once; every item is whole" in done.messages
    assert "Traceback" not in done.messages
    assert shell.run("recheck", cache).code == ExitCode.OK


def test_an_ignored_signal_stays_ignored(shell: Shell, cache: Path) -> None:
    """As under nohup(1)."""
    ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    with (
        open(cache / "one", "rb") as held,
        shell.started("recheck", "--retry-for", "1h", cache, preexec_fn=ignore) as running,
    ):
        running.until("Ctrl-C stops")
        running.process.send_signal(signal.SIGHUP)
        held.close()
        assert running.end().code == ExitCode.OK


def _alive(pid: str) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return False
