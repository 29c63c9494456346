"""``cscd demo``: what `make demo` shows."""

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cscd.cli import exhibits
from cscd.cli.exitcodes import ExitCode
from tests.cli.shell import DEADLINE, Shell
from tests.support import forks, requires
from tests.support.denial import deny_leases
from tests.support.mounts import Mount
from tests.support.waiting import wait_until

SCENES = (
    "open in sleep (pid ",
    "(sleep) ends: encrypted ",
    "is written and closed: encrypted ",
    "exactly the original",
    "pass_stopped",
    "1 encrypted, 49 right before",
    "config_rejected",
    "50 unencrypted",
    "service_stopped",
)
"""What is told, in this order."""


def test_everything_comes_back(shell: Shell, common_path: Path) -> None:
    """In less than 30 seconds and 80 columns, and nothing is left behind; for root by somebody else."""
    if not os.geteuid():
        requires.command("setpriv")
    common_path.chmod(0o777)
    begun = time.monotonic()
    done = shell.run("demo", "--in", common_path)
    assert time.monotonic() - begun < 30
    assert done.code == ExitCode.OK, done.text
    assert done.text.endswith("All of it is as it was.\n")
    assert max(map(len, done.text.splitlines())) <= 80
    assert not list(common_path.iterdir())
    assert not shell.state.exists()
    story = " ".join(done.text.split())
    assert re.search(".*".join(map(re.escape, SCENES)), story), story


@pytest.mark.root
def test_for_root_there_must_be_somebody_else(shell: Shell, common_path: Path) -> None:
    """A directory that only root may write to is refused, as is a machine without setpriv."""
    requires.command("setpriv")
    done = shell.run("demo", "--in", common_path)
    assert done.code == ExitCode.TARGET
    assert "cannot write to" in done.messages
    shell.variables["PATH"] = "/nonexistent"
    done = shell.run("demo", "--in", common_path)
    assert done.code == ExitCode.TARGET
    assert "run it as an ordinary user" in done.messages


def test_it_says_where_it_cannot_be_held(shell: Shell) -> None:
    """A directory that is missing, or has not the room."""
    assert shell.run("demo", "--in", "nowhere").code == ExitCode.TARGET


@pytest.mark.root
def test_it_needs_room(shell: Shell, tmpfs: Mount) -> None:
    """It says how much."""
    done = shell.run("demo", "--in", tmpfs.point)
    assert done.code == ExitCode.TARGET
    assert "less than 512 MiB free" in done.messages


def test_it_needs_leases(shell: Shell) -> None:
    """A filesystem without them is named."""
    done = forks.call(lambda: shell.run("demo", "--in", "/tmp"), first=deny_leases)  # noqa: S108
    assert done.code == ExitCode.TARGET
    assert "no leases" in done.messages


@pytest.mark.parametrize(
    "change, name",
    [
        (lambda path: path.write_bytes(b"other"), "digest"),
        (lambda path: path.chmod(0o600), "mode"),
        (lambda path: os.utime(path, ns=(5, path.stat().st_mtime_ns)), "accessed_ns"),
        (lambda path: os.utime(path, ns=(path.stat().st_atime_ns, 5)), "modified_ns"),
        (lambda path: os.setxattr(path, "user.other", b"x"), "attributes"),
    ],
)
def test_a_difference_would_show(tmp_path: Path, change: object, name: str) -> None:
    """In content, mode, time or attribute; looking makes none."""
    assert callable(change)
    exhibits.make(str(tmp_path))
    before = exhibits.describe(str(tmp_path))
    assert exhibits.describe(str(tmp_path)) == before
    change(tmp_path / exhibits.READ_FILE)
    after = exhibits.describe(str(tmp_path))
    assert name in before[exhibits.READ_FILE].differences(after[exhibits.READ_FILE])


def test_it_fails_if_something_has_changed(shell: Shell, common_path: Path) -> None:
    """A link that somebody else has put there meanwhile, in place of the one that was."""
    with _begun(shell, common_path) as process:
        (link,) = common_path.glob("*/cache/latest")
        link.unlink()
        link.symlink_to("photos/01.jpg")
        out = process.communicate(timeout=DEADLINE)[0].decode()
        assert process.returncode == ExitCode.INTERNAL
    assert re.search("WRONG: latest: .*digest.* changed\n", out)
    assert "as it was.\n" not in out


def test_stopped_in_the_middle_it_leaves_nothing_behind(shell: Shell, common_path: Path) -> None:
    """Neither a file nor a process of the service."""
    with _begun(shell, common_path) as process:
        process.terminate()
        process.communicate(timeout=DEADLINE)
        assert process.returncode == ExitCode.CANCELLED
    assert not list(common_path.iterdir())
    wait_until(lambda: not _running_in(common_path), "all of the service has ended")


@contextlib.contextmanager
def _begun(shell: Shell, place: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """Have the demonstration run; its service has begun with the first pass."""
    if not os.geteuid():
        requires.command("setpriv")
    place.chmod(0o777)
    with shell.started("demo", "--in", place, stderr=subprocess.STDOUT) as running:
        out = running.process.stdout
        assert out
        said = b""
        while b"pass_started" not in said:
            piece = os.read(out.fileno(), 65536)
            assert piece, said
            said += piece
        yield running.process


def _running_in(place: Path) -> list[str]:
    """Return the command lines of processes that name a directory, or work in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_text(encoding="utf-8", errors="replace")
            if str(place) in command or (process / "cwd").readlink().is_relative_to(place):
                found.append(command)
    return found
